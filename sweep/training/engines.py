"""One interface to both engines."""

from collections.abc import Iterator, Sequence
from importlib import import_module

import torch

from sweep.config.engines import ENGINES
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.data.interface import TrainingData
from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.result import TrainingResult


def train_runs(
    engine: str,
    runs: Sequence[RunConfig],
    data: TrainingData,
    device: torch.device,
    options: Sequence[TrainOptions],
    kernels: str = "torch",
) -> Iterator[tuple[int, TrainingResult | None]]:
    """Trains runs that share `data`: one after another, or as one array on `kernels` torch or triton.

    Yields (index into `runs`, result) as runs end; in place of the result None for a run that was asked to stop.
    """
    module = import_module(ENGINES[engine])
    if engine == "array":
        assert isinstance(data, ImageData)  # `can_join_array` says no to other runs
        yield from module.train_array(runs, data, device, options, kernels)
        return
    for index, (run, option) in enumerate(zip(runs, options, strict=True)):
        try:
            yield index, module.train(run, data, device, option)
        except Interrupted:
            yield index, None
