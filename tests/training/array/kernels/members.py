"""Small arrays of mixed members, and batches for them."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.array.state import ArrayState
from sweep.training.state import TrainingState
from tests.conftest import tiny_run

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
CLASSES = 10
MEMBERS = [
    {"bits": 2, "optimizer": "sgd", "lr": 0.1},
    {"bits": 8, "optimizer": "adam", "lr": 0.001, "momentum": 0.0, "step_size_weight_decay": True},
    {"bits": 32, "optimizer": "rmsprop", "lr": 0.001, "momentum": 0.5},
    {"bits": 4, "optimizer": "sgd", "lr": 0.01, "seed": 1},
]


def runs_of(members: Sequence[dict[str, Any]], **changes: Any) -> list[RunConfig]:
    return [tiny_run(base_width=5, **(changes | member)) for member in members]


def image_data(run: RunConfig, size: int) -> ImageData:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (20, size, size, 3), dtype=np.uint8)
    labels = np.arange(20) % CLASSES
    names = tuple(str(number) for number in range(CLASSES))
    return ImageData(ImageArrays(images, labels, images, labels, names), run, torch.device("cpu"))


def state_of(runs: Sequence[RunConfig], size: int) -> ArrayState:
    """Members some steps after their start: vectors away from 0 and 1, where errors would hide, and optimizers that
    do not divide tiny gradients by themselves, as Adam and RMSprop do at first."""
    state = ArrayState([TrainingState(run, image_data(run, size), torch.device("cpu")) for run in runs], DEVICE)
    for layer, parameters in zip(state.layers, state.weights, strict=True):
        for shift, (_, vector) in zip((0.1, 0.2, 0.3), parameters.vectors(), strict=True):
            vector[:, : layer.out_channels] += shift * torch.arange(layer.out_channels, device=DEVICE).cos()
    for stack in (state.parameters, state.steps):
        stack.moment.copy_(stack.value * 0.1)
        stack.square.copy_(stack.value**2 + 0.01)
    state.updates += 5
    return state


def batch(images: int, size: int, rows: int, step: int = 0) -> tuple[Tensor, Tensor]:
    """Standardized images (rows, B, H, W, 3) and labels (rows, B)."""
    generator = torch.Generator().manual_seed(step)
    pixels = torch.randn(rows, images, size, size, 3, generator=generator)
    return pixels.to(DEVICE), torch.randint(CLASSES, (rows, images), generator=generator).to(DEVICE)


def close(found: Tensor, expected: Tensor, tolerance: float, what: str) -> None:
    """Within `tolerance` of the largest magnitude that is expected."""
    error = (found.double() - expected.double()).abs().max()
    scale = expected.double().abs().max()
    assert error <= tolerance * scale, f"{what}: off by {error:.2e} where the largest is {scale:.2e}"
