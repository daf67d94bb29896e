"""Operations: counted layer by layer, and remembered."""

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from sweep.config.networks import networks
from sweep.plan import operations
from sweep.plan.operations import Shape, count, remembered, shipped

CONVOLUTIONAL = [name for name, network in networks().items() if network.quantizes_activations]
SMALL = Shape("nin", tuple({"base_width": 2, "width": 2, "depth": 2}.items()), 1, 8, 8, 7)


def counted_by_layer(shape: Shape) -> int:
    """Of every convolution and linear layer: elements of the output times products in each."""
    total = []

    def add(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        total.append(output.numel() * math.prod(layer.weight.shape[1:]))

    build = networks()[shape.model].builder()
    size: Any = SimpleNamespace(**dict(shape.sizes))
    with torch.device("meta"):
        model = build(size, shape.channels, shape.classes, (shape.height, shape.width)).eval()
        for layer in model.modules():
            if isinstance(layer, nn.Conv2d | nn.Linear):
                layer.register_forward_hook(add)
        model(torch.empty(1, shape.channels, shape.height, shape.width))
    return sum(total)


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@pytest.mark.parametrize("image", [(32, 32), (75, 54)])  # the second is odd somewhere on the way down
def test_each_layer_counts_once(name: str, image: tuple[int, int]) -> None:
    sizes = tuple((own.name, 10 if own.name == "depth" else 2) for own in networks()[name].reads)
    shape = Shape(name, sizes, networks()[name].channels or 2, *image, 7)
    assert count(shape) == counted_by_layer(shape)


@pytest.mark.parametrize(
    ("name", "image", "tokens", "width", "head"),
    [("deit_t", 64, 17, 192, 7), ("vit_s", 32, 5, 384, 7), ("vit_b", 224, 197, 768, 1000)],
)
def test_attention_counts_by_hand(name: str, image: int, tokens: int, width: int, head: int) -> None:
    """Twelve blocks of queries, keys, values, their output, an MLP four times as wide, and two products of tokens."""
    blocks = 12 * tokens * width * (4 * width + 2 * 4 * width + 2 * tokens)
    patches = (tokens - 1) * 3 * 16**2 * width
    assert count(Shape(name, (), 3, image, image, head)) == blocks + patches + width * head


def test_windows_that_need_padding_count_as_padded() -> None:
    """Swin-T: attention of all positions of the padded windows, everything else of the image's own."""
    total, height, width, channels = 18 * 10 * 96 * 48, 18, 10, 96
    for stage, blocks in enumerate((2, 2, 6, 2)):
        if stage:
            height, width, channels = -(-height // 2), -(-width // 2), 2 * channels
            total += height * width * 2 * channels * channels  # four neighbours of half the channels each
        padded = (-(-height // 7) * 7) * (-(-width // 7) * 7)
        total += blocks * (padded * channels * (4 * channels + 2 * 49) + height * width * 8 * channels**2)
    assert count(Shape("swin_t", (), 3, 72, 40, 7)) == total + channels * 7


def test_the_file_is_what_the_networks_give() -> None:
    assert {shape: count(shape) for shape in shipped()} == shipped()


def test_a_count_is_made_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    macs = remembered(SMALL)
    monkeypatch.setattr(operations, "count", lambda shape: pytest.fail("counted again"))
    assert remembered(SMALL) == macs
    assert [path.read_text() for path in tmp_path.rglob("*.txt")] == [str(macs)]


def test_a_network_whose_code_changed_is_counted_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    remembered(SMALL)
    edited = tmp_path / "edited.py"
    edited.write_text("# other code")
    monkeypatch.setattr(operations, "_sources", lambda network: [edited])
    monkeypatch.setattr(operations, "count", lambda shape: 42)
    assert remembered(SMALL) == 42


def test_a_home_that_cannot_be_written_to_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    occupied = tmp_path / "file"
    occupied.touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(occupied))
    assert remembered(SMALL) == count(SMALL)
