"""Runs for arrays: mixed, small, and at learning rates at which rounding does not grow from step to step."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.array.engine import train_array
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from tests.conftest import tiny_run
from tests.training.rows import row_of

CPU = torch.device("cpu")
ENGINE = ("engine", "array_size")
ADAM = {"optimizer": "adam", "lr": 0.001, "momentum": 0.0}
RMSPROP = {"optimizer": "rmsprop", "lr": 0.0001}

SPECS: list[dict[str, Any]] = [
    {"bits": 2},
    {"bits": 32, **ADAM, "weight_decay": 0.0},
    {"bits": 4, **RMSPROP, "seed": 1},
    {"bits": 8, **RMSPROP, "momentum": 0.0, "seed": 1},
    {"bits": 3, **ADAM, "first_last": "8", "step_size_weight_decay": True},
    {"bits": 2, "first_last": "fp", "momentum": 0.0},
    {"bits": 32, "seed": 2, "lr_gamma": 0.5},
    {"bits": 4, "weight_decay": 0.0, "lr_decay": "cosine"},
]


def members(count: int, **common: Any) -> list[RunConfig]:
    """Mixed runs of a NiN with 10 channels (padded to 16); 200 images are 3 batches of 64 and one of 8.

    No channel of theirs has weights that all quantize to zero: its BN output would be beta, 0 at first, where what
    ReLU lets through is up to the last bit of the mean.
    """
    shared = {"base_width": 5, "epochs": 6, "augmentation": "flip", "precision": "fp64"} | common
    return [tiny_run(**shared, **spec) for spec in SPECS[:count]]


def data_of(runs: Sequence[RunConfig], arrays: ImageArrays) -> ImageData:
    return ImageData(arrays, runs[0], CPU)


def as_array(
    runs: Sequence[RunConfig], arrays: ImageArrays, folder: Path | None = None, **options: Any
) -> list[dict[str, Any] | None]:
    """Results in the order of `runs`; with a `folder` for weights kept as <run id>.pt."""
    each = [TrainOptions("test", weights=folder and folder / f"{run.run_id}.pt", **options) for run in runs]
    ended = dict(train_array(runs, data_of(runs, arrays), CPU, each))
    return [result and row_of(result) for result in (ended[index] for index in range(len(runs)))]


def as_plain(run: RunConfig, arrays: ImageArrays, folder: Path | None = None, **options: Any) -> dict[str, Any]:
    option = TrainOptions("test", weights=folder and folder / f"{run.run_id}.pt", **options)
    return row_of(train(run, data_of([run], arrays), CPU, option))


def kept(folder: Path, run: RunConfig) -> dict[str, torch.Tensor]:
    """The best weights of `run`."""
    best: dict[str, torch.Tensor] = torch.load(folder / f"{run.run_id}.pt", weights_only=True)["best"]
    return best
