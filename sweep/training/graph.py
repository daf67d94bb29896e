"""Fewer launches: functions compiled per shape, and a training step captured in a CUDA graph and replayed."""

from collections.abc import Callable
from typing import Any

import torch

WARM_UP_CALLS = 3  # real calls, on a side stream as capturing needs it; libraries choose their kernels in them
COMPILED_SHAPES = 256  # of one function; with PyTorch's 8, later layers would run uncompiled


def is_compiled(device: torch.device) -> bool:
    """Whether arrays on `device` compile what is not a matrix product; on CPUs it does not pay."""
    return device.type == "cuda"


def compile_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` compiled anew for every shape of its arguments."""
    torch._dynamo.config.recompile_limit = COMPILED_SHAPES
    return torch.compile(function, dynamic=False)


class Replayed:
    """A step that takes and returns nothing: it reads and changes only tensors that stay where they are.

    Steps made with one `pool` share the memory of their intermediate results: they never run at the same time.
    """

    def __init__(self, step: Callable[[], None], device: torch.device, pool: Any) -> None:
        self._step, self._device, self._pool = step, device, pool
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if self._device.type != "cuda":
            self._step()
        elif self._calls < WARM_UP_CALLS:
            self._calls += 1
            self._on_side_stream()
        else:
            if self._graph is None:
                self._graph = self._capture()
            self._graph.replay()

    def _on_side_stream(self) -> None:
        current, side = torch.cuda.current_stream(self._device), torch.cuda.Stream(self._device)
        side.wait_stream(current)
        with torch.cuda.stream(side):
            self._step()
        current.wait_stream(side)

    def _capture(self) -> torch.cuda.CUDAGraph:
        torch.cuda.synchronize(self._device)
        torch.cuda.empty_cache()  # what warming up left would lie beside the graph's own memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._pool):
            self._step()
        return graph


def graph_pool(device: torch.device) -> Any:
    """Memory for captured steps to share; None where nothing is captured."""
    return torch.cuda.graph_pool_handle() if device.type == "cuda" else None
