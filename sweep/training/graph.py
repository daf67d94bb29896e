"""A training step captured once in a CUDA graph, then replayed: one launch instead of hundreds."""

from collections.abc import Callable

import torch

WARM_UP_CALLS = 3  # real calls, on a side stream as capturing needs it; libraries choose their kernels in them


class Replayed:
    """A step that takes and returns nothing: it reads and changes only tensors that stay where they are."""

    def __init__(self, step: Callable[[], None], device: torch.device) -> None:
        self._step, self._device = step, device
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if self._device.type != "cuda":
            self._step()
            return
        if self._calls < WARM_UP_CALLS:
            self._calls += 1
            self._on_side_stream()
            return
        if self._graph is None:
            self._graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self._graph):
                self._step()
        self._graph.replay()

    def _on_side_stream(self) -> None:
        current, side = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            self._step()
        current.wait_stream(side)
