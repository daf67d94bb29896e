"""The kernels of one layer against autograd in float64: BN, ReLU, convolution, BN."""

from typing import Any, NamedTuple

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sweep.training.array.kernels.batch_norm import finish_gradients, finish_statistics
from sweep.training.array.kernels.convolution import convolution
from sweep.training.array.kernels.input_gradient import input_gradient
from sweep.training.array.kernels.output_gradient import output_gradient
from sweep.training.array.kernels.shape import Shape
from sweep.training.array.kernels.tensors import Products, Running, Source
from sweep.training.array.kernels.weight_gradient import weight_gradient
from sweep.training.array.layout import Layer, Parameters
from sweep.training.array.operations import Quantized
from tests.training.array.kernels.members import DEVICE, close

MEMBERS, EPS, MOMENTUM = 2, 1e-5, 0.1
CASES = {
    "1x1": (1, 1, 16, 24, (4, 4), 5),
    "3x3": (3, 2, 16, 16, (8, 8), 3),
    "odd": (3, 2, 8, 16, (5, 7), 6),
    "one pixel": (3, 2, 16, 8, (1, 1), 20),
    "several blocks": (3, 2, 40, 40, (5, 5), 15),
    "several parts": (1, 1, 16, 16, (16, 16), 17),
}  # kernel, stride, channels in and out, size of the input, images


class Tensors(NamedTuple):
    """Of a layer and the one below, in float32."""

    z: Tensor  # (K, N_in, C_in)
    below: Parameters
    weight: Tensor  # (K, rows, C_out)
    rest: Tensor
    own: Parameters
    grad: Tensor  # (K, N_out, C_out)


def layer_of(case: str) -> tuple[Layer, int]:
    kernel, stride, inputs, outputs, size, images = CASES[case]
    out = (-(-size[0] // stride), -(-size[1] // stride))
    return Layer("", "", kernel, stride, inputs, outputs, size, out, is_first=False), images


def tensors_of(layer: Layer, images: int) -> Tensors:
    generator = torch.Generator().manual_seed(0)

    def randn(*shape: int) -> Tensor:
        return torch.randn(MEMBERS, *shape, generator=generator).to(DEVICE)

    def vectors(channels: int) -> Parameters:
        return Parameters(randn(0), *(randn(channels) for _ in range(3)))

    positions = images * layer.in_size[0] * layer.in_size[1]
    return Tensors(
        randn(positions, layer.in_channels) + 0.5, vectors(layer.in_channels), randn(layer.rows, layer.out_channels),
        torch.tensor([0.5, 0.8], device=DEVICE), vectors(layer.out_channels),
        randn(images * layer.positions, layer.out_channels),
    )  # fmt: skip


def fused(layer: Layer, t: Tensors, images: int) -> dict[str, Tensor]:
    products, results = Products(Shape.of(layer), images, "ieee"), dict[str, Tensor]()
    source = Source(t.z, norm_below(t))
    convolved = convolution(source, t.weight, products)
    running = Running(torch.zeros_like(t.own.gamma), torch.ones_like(t.own.gamma))
    own_norm = finish_statistics(convolved, t.own, running, torch.ones_like(t.rest), EPS, MOMENTUM)
    own_below = output_gradient(t.grad, convolved.z, own_norm)
    grads = Parameters(*(torch.empty_like(each) for each in (t.weight, t.own.bias, t.own.gamma, t.own.beta)))
    gradient = finish_gradients(own_below, convolved.z, own_norm, grads)
    weight_gradient(source, gradient, t.rest, grads.weight, products)
    below = input_gradient(gradient, Quantized(t.weight, t.rest), source, products)
    results |= {"z": convolved.z, "mean": running.running_mean, "var": running.running_var}
    results |= {"weight": grads.weight, "below": below.grad}
    sums = below.partials.sum(1)
    return results | {"gamma": grads.gamma, "beta": grads.beta, "sum beta": sums[:, 0], "sum gamma": sums[:, 1]}


def norm_below(t: Tensors) -> Tensor:
    """What `finish_statistics` gives for the layer below."""
    var, mean = torch.var_mean(t.z, 1, correction=0)
    rstd = (var + EPS).rsqrt()
    scale = t.below.gamma * rstd
    rest = t.rest[:, None]
    return torch.stack([mean, rstd, scale, scale * rest, (t.below.beta - mean * scale) * rest], 1)


def reference(layer: Layer, t: Tensors, images: int, member: int) -> dict[str, Tensor]:
    z0, grad = t.z[member].double(), t.grad[member].double()
    normalized = F.batch_norm(z0, None, None, training=True, eps=EPS)
    gamma, beta, bias = (getattr(t.below, name)[member].double() for name in ("gamma", "beta", "bias"))
    below = (normalized * gamma + beta).requires_grad_()
    weight = layer.to_weight(t.weight[member]).double().requires_grad_()
    x = (below.relu() * t.rest[member].double()).unflatten(0, (images, *layer.in_size)).permute(0, 3, 1, 2)
    z = F.conv2d(x, weight, stride=layer.stride, padding=layer.kernel // 2).permute(0, 2, 3, 1).flatten(0, 2)
    gamma, beta, bias = (getattr(t.own, name)[member].double() for name in ("gamma", "beta", "bias"))
    gamma.requires_grad_()
    beta.requires_grad_()
    mean, var = torch.zeros_like(gamma), torch.ones_like(gamma)
    out = F.batch_norm(z + bias, mean, var, gamma, beta, True, MOMENTUM, EPS).relu()
    grads = torch.autograd.grad(out, [weight, below, gamma, beta], grad)
    found = {"z": z, "mean": mean, "var": var, "weight": layer.to_matrix(grads[0]) / t.rest[member], "below": grads[1]}
    sums = {"sum beta": grads[1].sum(0), "sum gamma": (grads[1] * normalized).sum(0)}
    return found | sums | {"gamma": grads[2], "beta": grads[3]}


@pytest.mark.parametrize("case", CASES)
def test_layer_equals_autograd(case: str) -> None:
    layer, images = layer_of(case)
    tensors = tensors_of(layer, images)
    found = fused(layer, tensors, images)
    for member in range(MEMBERS):
        for name, expected in reference(layer, tensors, images, member).items():
            close(found[name][member], expected.detach(), 2e-5, f"{name} of member {member}")


def test_masked_gradient_of_nan_stays_with_its_member() -> None:
    layer, images = layer_of("3x3")
    tensors = tensors_of(layer, images)
    expected: dict[str, Any] = fused(layer, tensors, images)
    tensors.weight[0, 0, 0] = torch.nan
    found = fused(layer, tensors, images)
    assert found["z"][0].isnan().any()
    for name, tensor in found.items():
        assert torch.equal(tensor[1], expected[name][1]), name
