"""Fewer launches: functions compiled per shape, and a training step captured in a CUDA graph and replayed."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch

WARM_UP_CALLS = 3  # real calls, on a side stream as capturing needs it; libraries choose their kernels in them
COMPILED_SHAPES = 10_000  # of one function in one process; at PyTorch's 8, later layers would run uncompiled


def is_compiled(device: torch.device) -> bool:
    """Tells whether arrays on `device` compile what is not a matrix product; on CPUs it does not pay."""
    return device.type == "cuda"


def compile_shapes(function: Callable[..., Any]) -> Callable[..., Any]:
    """Returns `function` compiled anew for every shape of its arguments."""
    torch._dynamo.config.recompile_limit = COMPILED_SHAPES
    torch._dynamo.config.accumulated_recompile_limit = COMPILED_SHAPES
    return torch.compile(function, dynamic=False)


class GraphMemory:
    """The pool and the stream that the captured steps of one training share, for they never run at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.pool = torch.cuda.graph_pool_handle()
        self.side = torch.cuda.Stream(device)  # one: the allocator keeps what it freed for the stream that had it


class Replayed:
    """A step that takes and returns nothing: it reads and changes only tensors that stay where they are."""

    def __init__(self, step: Callable[[], None], memory: GraphMemory) -> None:
        self._step, self._memory = step, memory
        self._calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None

    def __call__(self) -> None:
        if self._calls < WARM_UP_CALLS:
            self._calls += 1
            self._on_side_stream()
            return
        if self._graph is None:
            self._graph = self._capture()
        self._graph.replay()

    def _on_side_stream(self) -> None:
        current, side = torch.cuda.current_stream(self._memory.device), self._memory.side
        side.wait_stream(current)
        with torch.cuda.stream(side):
            self._step()
        current.wait_stream(side)

    def _capture(self) -> torch.cuda.CUDAGraph:
        torch.cuda.synchronize(self._memory.device)
        torch.cuda.empty_cache()  # what warming up left would lie beside the graph's own memory
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self._memory.pool):
            self._step()
        return graph


def replayed(
    step: Callable[[int], None], sizes: Iterable[int], memory: GraphMemory | None
) -> dict[int, Callable[[], None]]:
    """Returns `step` for each batch size, captured where there is `memory` for it."""
    calls = {size: partial(step, size) for size in set(sizes)}
    return {size: Replayed(call, memory) if memory else call for size, call in calls.items()}


def graph_memory(device: torch.device) -> GraphMemory | None:
    """Returns what captured steps on `device` share, or None where nothing can be captured."""
    return GraphMemory(device) if device.type == "cuda" else None
