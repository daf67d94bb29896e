"""A step of every network in the plain engine, at full precision and quantized."""

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config.networks import networks
from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.plain import TrainingLoop
from sweep.training.progress import TrainOptions
from sweep.training.state import TrainingState
from tests.conftest import tiny_run

CPU = torch.device("cpu")
ONE_STEP: dict[str, Any] = {"epochs": 1, "batch_size": 4, "train_subset": 0, "test_subset": 0, "lr": 0.001}
# What decides how long a step takes.
SIZE: dict[str, dict[str, Any]] = {
    "nin": {"base_width": 2, "width": 2, "depth": 2},
    "cifar_resnet18": {"base_width": 4},
    "cifar_resnet50": {"base_width": 4},
    "wide_resnet": {"width": 1, "depth": 10},
}
# The others of their families are more of the same layers, or wider ones.
TRAINED = sorted(set(networks()) - {"resnet34", "resnet50", "vit_s", "vit_b"})
LIGHT = sorted({"nin", "cifar_resnet18", "cifar_resnet50", "resnet20", "resnet20_b", "wide_resnet", "deit_t"})


def arrays(side: int, channels: int) -> ImageArrays:
    images = np.random.default_rng(0).integers(0, 256, (6, side, side, channels), dtype=np.uint8)
    labels = np.arange(6) % 3
    return ImageArrays(images[:4], labels[:4], images[4:], labels[4:], ("a", "b", "c"))


def trained(run: RunConfig, side: int = 32, channels: int = 3) -> TrainingState:
    """One step, and an evaluation of both splits."""
    training = TrainingState(run, ImageData(arrays(side, channels), run, CPU), CPU)
    before = {name: parameter.detach().clone() for name, parameter in training.model.named_parameters()}
    TrainingLoop(training, TrainOptions("test")).train_epoch(lambda: None)
    for name, parameter in training.model.named_parameters():
        assert torch.isfinite(parameter).all(), name
        if parameter.ndim > 1:
            assert not torch.equal(parameter, before[name]), name
    assert training.progress.epoch == 1 and training.progress.curve[-1].evaluation is not None
    return training


def quantized_weights(model: nn.Module) -> list[Tensor]:
    layers = [module for module in model.modules() if parametrize.is_parametrized(module)]
    return [getattr(layer, name) for layer in layers for name in layer.parametrizations]  # type: ignore[union-attr]


def matrices(model: nn.Module) -> list[Tensor]:
    """Weights of convolutions and linear layers, also those of attention: none is left out by its name."""
    names = ("weight", "original")
    return [p for name, p in model.named_parameters() if name.rsplit(".", 1)[-1] in names and p.ndim > 1]


@pytest.mark.parametrize("name", TRAINED)
def test_a_step_at_full_precision(name: str) -> None:
    training = trained(tiny_run(model=name, bits=32, **ONE_STEP, **SIZE.get(name, {})))
    assert quantized_weights(training.model) == []
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(training.model(images), training.model(images)), "a step is random: a resumed run differs"


@pytest.mark.parametrize(
    ("name", "bits"), [*((name, 2) for name in TRAINED), *((name, bits) for name in LIGHT for bits in (4, 8))]
)
def test_after_a_quantized_step_every_weight_has_at_most_2_to_the_b_levels(name: str, bits: int) -> None:
    model = trained(tiny_run(model=name, bits=bits, **ONE_STEP, **SIZE.get(name, {}))).model
    weights = quantized_weights(model)
    assert sum(w.numel() for w in weights) == sum(p.numel() for p in matrices(model))
    assert all(1 < len(weight.unique()) <= 2**bits for weight in weights)


@pytest.mark.parametrize("name", ["cifar_resnet18", "cifar_resnet50", "resnet20", "wide_resnet", "mobilenet_v1"])
def test_networks_for_small_images_take_grey_digits(name: str) -> None:
    training = trained(tiny_run(model=name, bits=4, **ONE_STEP, **SIZE.get(name, {})), side=8, channels=1)
    first = next(module for module in training.model.modules() if isinstance(module, nn.Conv2d))
    assert first.in_channels == 1 and not training.progress.diverged
