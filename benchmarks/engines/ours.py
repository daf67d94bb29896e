"""Our engines, driven through the functions that jobs call."""

from collections.abc import Sequence
from contextlib import nullcontext
from unittest.mock import patch

import torch

from benchmarks.engines.loop import Curve, Stop
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.training.array.engine import train_array
from sweep.training.plain import train
from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.result import TrainingResult


def train_plain(
    runs: Sequence[RunConfig], data: ImageData, device: torch.device, stop: Stop, captured: bool
) -> list[Curve]:
    """The one run of `runs`; on a GPU its steps are captured in CUDA graphs, or launched one operation at a time."""
    (run,) = runs
    as_is = patch("sweep.training.plain.graph_memory", lambda device: None)
    with nullcontext() if captured else as_is:
        try:
            return [_losses(train(run, data, device, TrainOptions(code="", stop=stop)))]
        except Interrupted:
            return []


class _OnceEachStep:
    """`stop` as every member asks it: only the first one's question counts the step."""

    def __init__(self, stop: Stop) -> None:
        self._stop, self._answer = stop, False

    def first(self) -> bool:
        self._answer = self._stop()
        return self._answer

    def others(self) -> bool:
        return self._answer


def train_members(
    runs: Sequence[RunConfig],
    data: ImageData,
    device: torch.device,
    stop: Stop,
    kernels: str,
) -> list[Curve]:
    """An array of `runs`, on kernels of torch or triton."""
    asked = _OnceEachStep(stop)
    options = [TrainOptions(code="", stop=asked.others if index else asked.first) for index in range(len(runs))]
    results = dict(train_array(runs, data, device, options, kernels))
    return [_losses(result) for _, result in sorted(results.items()) if result is not None]


def _losses(result: TrainingResult) -> Curve:
    return [record.batch_loss for record in result.curve]
