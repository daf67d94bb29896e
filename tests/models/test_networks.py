"""Every network: exact parameter counts and operations."""

from typing import Any

import pytest
import torch
from torch import nn

from sweep.config.facts import DataFacts
from sweep.config.networks import SIZES, network_of, networks
from sweep.config.run import RunConfig
from sweep.data.vision import torchvision
from sweep.models import build_model
from sweep.models.cifar_resnet.model import PaddingShortcut
from sweep.plan.operations import macs_per_image
from sweep.training.fitting import shapes_of
from tests.conftest import tiny_run

CIFAR = (32, 10)  # side of the images, classes
IMAGENET = (224, 1000)
# Parameters of the papers' networks for their images; those of ImageNet's as torchvision and DeiT print them.
PARAMETERS: list[tuple[dict[str, Any], tuple[int, int], int]] = [
    ({"model": "cifar_resnet18", "base_width": 16}, CIFAR, 701_466),
    ({"model": "cifar_resnet50", "base_width": 16}, CIFAR, 1_484_186),
    ({"model": "cifar_resnet18", "base_width": 64}, CIFAR, 11_173_962),
    ({"model": "resnet20"}, CIFAR, 269_722),
    ({"model": "resnet20_b"}, CIFAR, 272_474),
    ({"model": "wide_resnet", "width": 10, "depth": 28}, CIFAR, 36_489_290),
    ({"model": "mobilenet_v1"}, CIFAR, 3_217_226),
    ({"model": "cifar_mobilenet_v2"}, CIFAR, 2_236_682),
    ({"model": "vgg19"}, CIFAR, 20_040_522),
    ({"model": "resnet18"}, IMAGENET, 11_689_512),
    ({"model": "resnet34"}, IMAGENET, 21_797_672),
    ({"model": "resnet50"}, IMAGENET, 25_557_032),
    ({"model": "mobilenet_v2"}, IMAGENET, 3_504_872),
    ({"model": "deit_t"}, IMAGENET, 5_717_416),
    ({"model": "vit_s"}, IMAGENET, 22_050_664),
    ({"model": "vit_b"}, IMAGENET, 86_567_656),
    ({"model": "swin_t"}, IMAGENET, 28_288_354),
]


def sized(**sizes: Any) -> RunConfig:
    return tiny_run(**({"base_width": 2, "width": 2, "depth": 10} | sizes))


def on_meta(run: RunConfig, channels: int, classes: int, side: int, width: int) -> nn.Module:
    with torch.device("meta"):
        return build_model(run, channels, classes, (side, width))


def test_all_networks_are_counted() -> None:
    assert {changes["model"] for changes, _, _ in PARAMETERS} == set(networks()) - {"nin"}  # see test_nin.py


@pytest.mark.parametrize(("changes", "task", "parameters"), PARAMETERS)
def test_parameters(changes: dict[str, Any], task: tuple[int, int], parameters: int) -> None:
    side, classes = task
    model = on_meta(sized(**changes), 3, classes, side, side)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_imagenet_operations_are_the_published_ones() -> None:
    """He et al. 2016, table 1, with the strides of ResNet v1.5; Sandler et al. 2018, table 4."""
    facts = DataFacts(1, 1, 3, 224, 224, classes=1000)
    published = {"resnet18": 1.8e9, "resnet34": 3.6e9, "resnet50": 4.1e9, "mobilenet_v2": 3.0e8}
    for name, macs in published.items():
        assert macs_per_image(sized(model=name), facts) == pytest.approx(macs, rel=0.03)


@pytest.mark.parametrize("name", networks())
@pytest.mark.parametrize("size", SIZES)
def test_a_size_changes_the_run_where_it_changes_the_network(name: str, size: str) -> None:
    small, large = (sized(model=name, **{size: value}) for value in ((10, 16) if size == "depth" else (2, 3)))
    built = [on_meta(run, 3, 10, 32, 32) for run in (small, large)]
    counts = {sum(p.numel() for p in network.parameters()) for network in built}
    assert (
        (small.run_id != large.run_id) == (len(counts) == 2) == (size in [read.name for read in network_of(name).reads])
    )


@pytest.mark.parametrize(("name", "side"), [("wide_resnet", 8), ("vgg19", 32)])
def test_biases_before_bn_mean_nothing_and_stay(name: str, side: int) -> None:
    torch.manual_seed(0)
    model = build_model(sized(model=name, width=1), 3, 10, (side, side)).double()
    biases = [m.bias for m in model.modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    assert len(biases) == {"wide_resnet": 1 + 3 * 2 + 2, "vgg19": 16}[name]
    images = torch.randn(8, 3, side, side, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    logits = model(images)
    logits.square().sum().backward()
    assert all(bias.grad is not None and not bias.grad.any() for bias in biases)
    with torch.no_grad():
        for bias in biases:
            bias += torch.randn(len(bias), generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(model(images), logits, rtol=1e-8, atol=1e-8)


def test_option_a_keeps_every_other_pixel_and_pads_channels() -> None:
    images = torch.arange(2 * 3 * 5 * 5.0).view(2, 3, 5, 5)
    out = PaddingShortcut(3, 6, 2)(images)
    assert out.shape == (2, 6, 3, 3)
    assert torch.equal(out[:, 1:4], images[:, :, [0, 2, 4]][..., [0, 2, 4]])
    assert not out[:, [0, 4, 5]].any()


@pytest.mark.parametrize("name", [name for name, each in networks().items() if each.pretrained])
def test_pretrained_weights_are_for_the_network(name: str) -> None:
    """torchvision's own network for these weights has the tensors of ours, at its 1000 classes and 224 x 224."""
    weights = torchvision.models.get_weight(network_of(name).pretrained)
    builder = type(weights).__name__.removesuffix("_Weights").lower()
    with torch.device("meta"):
        theirs = torchvision.models.get_model(builder).state_dict()
    ours = shapes_of(tiny_run(model=name), 3, 1000, (224, 224))
    assert {key: tensor.shape for key, tensor in theirs.items()} == ours
    assert len(weights.meta["categories"]) == 1000
