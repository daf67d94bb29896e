"""The arithmetic of an array in PyTorch operations. K members, N positions of all images of a batch, C channels."""

from typing import NamedTuple

import torch
from torch import Tensor

from sweep.quantizers.lsq.quantizer import lsq_codes, lsq_gradients
from sweep.training.array.layout import Layer

BN_EPS = 1e-5  # PyTorch's default, which the plain engine's NiN has


class Quantized(NamedTuple):
    """The weight of one layer as an operand of matrix products.

    A quantized weight is codes * power * rest: `power`, of two, is exact in any floating point type, so that 16-bit
    operands hold the codes exactly; `rest`, from 1/2 to 1, is applied to the activations.
    """

    operand: Tensor  # (K, rows, columns), codes * power, or the weight at full precision
    rest: Tensor  # (K,)


class StepSizes(NamedTuple):
    """The step sizes of one layer, each (K, 1, 1); at full precision the step size is 1 and nothing below is used."""

    step: Tensor
    qmin: Tensor
    qmax: Tensor
    is_quantized: Tensor


class Norm(NamedTuple):
    """Batch normalization of one layer, each (K, 1, C): y = (z - mean) * scale + beta, scale = gamma * rstd."""

    mean: Tensor
    rstd: Tensor
    scale: Tensor
    beta: Tensor


def quantize(weight: Tensor, steps: StepSizes, dtype: torch.dtype) -> Quantized:
    """LSQ of the members that are quantized; `weight` is (K, rows, columns)."""
    rest, _ = torch.frexp(steps.step)
    _, codes = lsq_codes(weight, steps.step, steps.qmin, steps.qmax)
    operand = torch.where(steps.is_quantized, codes * (steps.step / rest), weight)
    return Quantized(operand.to(dtype), torch.where(steps.is_quantized, rest, 1.0).flatten())


def quantize_backward(grad: Tensor, weight: Tensor, steps: StepSizes) -> tuple[Tensor, Tensor]:
    """Returns the gradients of the weight, and of the step size (K,) before its gradient scale.

    `grad` is that of the quantized weight."""
    scaled, codes = lsq_codes(weight, steps.step, steps.qmin, steps.qmax)
    grad_weight, terms = lsq_gradients(grad, scaled, codes, steps.qmin, steps.qmax)
    return torch.where(steps.is_quantized, grad_weight, grad), terms.sum((1, 2))


def to_columns(x: Tensor, layer: Layer, images: int) -> Tensor:
    """Makes what the weight matrix is multiplied with, (K, N_out, rows), of activations (K, N_in, C_in)."""
    if layer.kernel == 1:
        return x
    x = x.unflatten(1, (images, *layer.in_size))
    x = torch.nn.functional.pad(x, (0, 0, 1, 1, 1, 1))
    windows = x.unfold(2, 3, layer.stride).unfold(3, 3, layer.stride)  # (K, B, H, W, C, 3, 3)
    columns = windows.permute(0, 1, 2, 3, 5, 6, 4).flatten(4).flatten(1, 3)
    missing = layer.rows - columns.shape[2]
    return torch.nn.functional.pad(columns, (0, missing)) if missing else columns


def scaled_rows(columns: Tensor, member_row: Tensor, rest: Tensor, dtype: torch.dtype) -> Tensor:
    """The first layer's columns of each member: its row of `columns` (rows, N, C), times its `rest` (K,)."""
    return (columns[member_row] * rest[:, None, None]).to(dtype)


def from_columns(columns: Tensor, layer: Layer, images: int) -> Tensor:
    """The adjoint of `to_columns`: the sum over the windows that each position is in."""
    if layer.kernel == 1:
        return columns
    (height, width), (in_height, in_width) = layer.out_size, layer.in_size
    taps = columns.unflatten(1, (images, height, width)).unflatten(4, (3, 3, -1))
    members, stride = len(columns), layer.stride
    out = columns.new_zeros(members, images, in_height + 2, in_width + 2, taps.shape[-1])
    for i in range(3):
        for j in range(3):
            rows, cols = slice(i, i + stride * height, stride), slice(j, j + stride * width, stride)
            out[:, :, rows, cols] += taps[:, :, :, :, i, j]
    return out[:, :, 1:-1, 1:-1].reshape(members, -1, taps.shape[-1])


def batch_statistics(z: Tensor, master: torch.dtype) -> tuple[Tensor, Tensor]:
    """Mean and biased variance over the positions, each (K, 1, C)."""
    variance, mean = torch.var_mean(z.to(master), 1, correction=0, keepdim=True)
    return mean, variance


def normalization(mean: Tensor, variance: Tensor, gamma: Tensor, beta: Tensor) -> Norm:
    """Returns the normalization by `mean` and `variance` (K, 1, C), with `gamma` and `beta` (K, C)."""
    rstd = (variance + BN_EPS).rsqrt()
    return Norm(mean, rstd, gamma[:, None] * rstd, beta[:, None])


def activate(z: Tensor, norm: Norm, rest: Tensor, dtype: torch.dtype) -> Tensor:
    """ReLU of the normalized `z`, times what the next layer's step size leaves to its input."""
    return (((z - norm.mean) * norm.scale + norm.beta).relu() * rest[:, None, None]).to(dtype)


def activation_backward(grad: Tensor, x: Tensor, z: Tensor, norm: Norm, rest: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients (of z, of gamma, of beta), given that of `x`, which `activate` made of `z`."""
    master = norm.mean.dtype
    grad_y = torch.where(x > 0, grad.to(master) * rest[:, None, None], 0.0)
    normalized = (z.to(master) - norm.mean) * norm.rstd
    grad_beta = grad_y.sum(1, keepdim=True)
    grad_gamma = (grad_y * normalized).sum(1, keepdim=True)
    count = z.shape[1]
    grad_z = norm.scale * (grad_y - grad_beta / count - normalized * (grad_gamma / count))
    return grad_z.to(z.dtype), grad_gamma[:, 0], grad_beta[:, 0]


def cross_entropy(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the loss of each image (K, B) in nats, and its gradient (K, B, classes) in the logits.

    `labels` is (K, B)."""
    log_shares = logits.log_softmax(2)
    losses = -log_shares.gather(2, labels[..., None])[..., 0]
    return losses, log_shares.exp() - torch.nn.functional.one_hot(labels, logits.shape[2])


def round_to_tf32(x: Tensor) -> Tensor:
    """Rounds float32 to the 10 explicit bits of mantissa that a GPU's TF32 products keep, to nearest."""
    bits = x.view(torch.int32)
    rounded = (bits + 0xFFF + (bits >> 13 & 1)) & ~0x1FFF
    return torch.where(x.isfinite(), rounded.view(torch.float32), x)


def product(left: Tensor, right: Tensor, emulates_tf32: bool) -> Tensor:
    """Matrix product per member; `emulates_tf32` rounds its operands where the device has no TF32."""
    if emulates_tf32:
        left, right = round_to_tf32(left), round_to_tf32(right)
    return torch.bmm(left, right)
