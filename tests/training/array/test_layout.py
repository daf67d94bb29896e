"""Where parameters lie in an array, and what the weight matrices mean."""

import pytest
import torch
import torch.nn.functional as F

from sweep.models.nin.model import NiN
from sweep.training.array.layout import Layer, layers_of, padded, parameters_per_member, views
from sweep.training.array.operations import from_columns, to_columns


def test_layers_of_a_nin_by_hand() -> None:
    layers = layers_of(NiN(3, 10, 25, 2), 32, 32)
    assert [(layer.conv, layer.norm) for layer in layers[:2]] == [
        ("features.0.0", "features.0.1"),
        ("features.1.0", "features.1.1"),
    ]
    assert (layers[-1].conv, layers[-1].norm) == ("head.0", "head.1")
    assert [layer.kernel for layer in layers] == [3, 1, 1, 3, 1, 1, 1]
    assert [layer.out_size for layer in layers] == [(16, 16)] * 3 + [(8, 8)] * 4
    assert [layer.rows for layer in layers] == [32, 32, 32, 288, 32, 32, 32]  # 27 and 25 padded to 32
    assert [layer.columns for layer in layers] == [32] * 6 + [16]


@pytest.mark.parametrize(("channels", "expected"), [(200, 200), (250, 256), (300, 304), (1, 8)])
def test_padding(channels: int, expected: int) -> None:
    assert padded(channels) == expected


@pytest.mark.parametrize("size", [(8, 8), (5, 6), (1, 1)])
@pytest.mark.parametrize(("kernel", "first"), [(3, True), (3, False), (1, False)])
def test_products_of_columns_are_convolutions(size: tuple[int, int], kernel: int, first: bool) -> None:
    """And `from_columns` is the adjoint of `to_columns`: <columns(x), y> = <x, adjoint(y)>."""
    stride = 2 if kernel == 3 else 1
    channels, out_channels, members, images = (3, 10, 2, 4) if first else (16, 10, 2, 4)
    out = (-(-size[0] // stride), -(-size[1] // stride))
    layer = Layer("", "", kernel, stride, channels, out_channels, size, out, is_first=first)
    x = torch.randn(members, images * size[0] * size[1], channels, dtype=torch.float64)
    weight = torch.randn(members, out_channels, channels, kernel, kernel, dtype=torch.float64)
    columns = to_columns(x, layer, images)
    matrix = torch.stack([layer.to_matrix(each) for each in weight])
    found = (columns @ matrix).unflatten(1, (images, *out))
    for member in range(members):
        picture = x[member].unflatten(0, (images, *size)).permute(0, 3, 1, 2)
        expected = F.conv2d(picture, weight[member], stride=stride, padding=kernel // 2).permute(0, 2, 3, 1)
        torch.testing.assert_close(found[member, ..., :out_channels], expected, rtol=0, atol=1e-12)
        assert not found[member, ..., out_channels:].any()
        assert torch.equal(layer.to_weight(matrix[member]), weight[member])
    if not first:
        y = torch.randn_like(columns)
        torch.testing.assert_close((columns * y).sum(), (x * from_columns(y, layer, images)).sum())


def test_views_cover_a_members_parameters_once() -> None:
    layers = layers_of(NiN(1, 10, 4, 2), 8, 8)
    flat = torch.zeros(2, parameters_per_member(layers))
    for parameters in views(flat, layers):
        for tensor in (parameters.weight, parameters.bias, parameters.gamma, parameters.beta):
            tensor += 1
    assert torch.equal(flat, torch.ones_like(flat))
