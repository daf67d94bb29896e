"""Batch norm between two passes over the positions: the partial sums of blocks, merged in a fixed order."""

import triton
import triton.language as tl
from torch import Tensor

from sweep.training.array.kernels.load import (
    GRAD_CONSTANT,
    GRAD_ROWS,
    GRAD_SCALE,
    GRAD_SLOPE,
    MEAN,
    MULTIPLIER,
    NORM_ROWS,
    OFFSET,
    RSTD,
    SCALE,
    load_row,
)  # fmt: skip
from sweep.training.array.kernels.tensors import BelowNorm, Convolved, OutputGradient, Running
from sweep.training.array.kernels.tiles import STATISTICS_BLOCKS, STATISTICS_CHANNELS
from sweep.training.array.layout import Parameters


@triton.jit
def _load_partials(partials, row: tl.constexpr, block, blocks, c, channels: tl.constexpr):
    at = (block[:, None] * 2 + row) * channels + c[None, :]
    return tl.load(partials + at, mask=(block < blocks)[:, None] & (c < channels)[None, :], other=0.0)


@triton.jit(do_not_specialize=["count", "blocks"])
def _finish_statistics(
    partials, gamma, beta, bias, running_mean, running_var, rest, norm, count, blocks, member_stride,
    rows: tl.constexpr, channels: tl.constexpr, at_once: tl.constexpr, width: tl.constexpr,
    eps: tl.constexpr, momentum: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(1).to(tl.int64)
    c = tl.program_id(0) * width + tl.arange(0, width)
    mask = c < channels
    partials += member * blocks * (2 * channels)
    positions = count.to(tl.float32)
    mean = tl.div_rn(_sum_of_means(partials, count, blocks, c, rows, channels, at_once, width), positions)
    squares = _sum_of_squares(partials, mean, count, blocks, c, rows, channels, at_once, width)
    variance = tl.div_rn(squares, positions)
    rstd = tl.div_rn(tl.full((width,), 1.0, tl.float32), tl.sqrt_rn(variance + eps))
    scale = tl.load(gamma + member * member_stride + c, mask=mask, other=0.0) * rstd
    shift = tl.load(beta + member * member_stride + c, mask=mask, other=0.0) - mean * scale
    left = tl.load(rest + member)
    norm += member * (NORM_ROWS * channels)
    tl.store(norm + MEAN * channels + c, mean, mask=mask)
    tl.store(norm + RSTD * channels + c, rstd, mask=mask)
    tl.store(norm + SCALE * channels + c, scale, mask=mask)
    tl.store(norm + MULTIPLIER * channels + c, scale * left, mask=mask)
    tl.store(norm + OFFSET * channels + c, shift * left, mask=mask)
    centre = mean + tl.load(bias + member * member_stride + c, mask=mask, other=0.0)
    _track(running_mean + member * channels + c, centre, mask, momentum)
    _track(running_var + member * channels + c, tl.div_rn(squares, positions - 1), mask, momentum)


@triton.jit
def _sum_of_means(
    partials, count, blocks, c,
    rows: tl.constexpr, channels: tl.constexpr, at_once: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    """Over all positions, from the means of the blocks."""
    total = tl.full((at_once, width), 0.0, tl.float32)
    for start in range(0, blocks, at_once):
        block = start + tl.arange(0, at_once)
        size = tl.minimum(count - block * rows, rows).to(tl.float32)
        total += _load_partials(partials, 0, block, blocks, c, channels) * size[:, None]
    return tl.sum(total, 0)


@triton.jit
def _sum_of_squares(
    partials, mean, count, blocks, c,
    rows: tl.constexpr, channels: tl.constexpr, at_once: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    """Of the distances from `mean`: those within blocks and those of the blocks' means (Chan et al. 1979)."""
    total = tl.full((at_once, width), 0.0, tl.float32)
    for start in range(0, blocks, at_once):
        block = start + tl.arange(0, at_once)
        size = tl.where(block < blocks, tl.minimum(count - block * rows, rows), 0).to(tl.float32)
        distance = _load_partials(partials, 0, block, blocks, c, channels) - mean[None, :]
        total += _load_partials(partials, 1, block, blocks, c, channels) + size[:, None] * distance * distance
    return tl.sum(total, 0)


@triton.jit
def _track(running, value, mask, momentum: tl.constexpr):
    before = tl.load(running, mask=mask, other=0.0)
    tl.store(running, before + momentum * (value - before), mask=mask)


@triton.jit(do_not_specialize=["count", "blocks"])
def _finish_gradients(
    partials, norm, gamma, beta, coefficients, count, blocks, member_stride,
    channels: tl.constexpr, at_once: tl.constexpr, width: tl.constexpr,
):  # fmt: skip
    member = tl.program_id(1).to(tl.int64)
    c = tl.program_id(0) * width + tl.arange(0, width)
    mask = c < channels
    partials += member * blocks * (2 * channels)
    grad_beta = tl.full((at_once, width), 0.0, tl.float32)
    grad_gamma = tl.full((at_once, width), 0.0, tl.float32)
    for start in range(0, blocks, at_once):
        block = start + tl.arange(0, at_once)
        grad_beta += _load_partials(partials, 0, block, blocks, c, channels)
        grad_gamma += _load_partials(partials, 1, block, blocks, c, channels)
    sum_beta, sum_gamma = tl.sum(grad_beta, 0), tl.sum(grad_gamma, 0)
    tl.store(beta + member * member_stride + c, sum_beta, mask=mask)
    tl.store(gamma + member * member_stride + c, sum_gamma, mask=mask)
    norm += member * (NORM_ROWS * channels)
    scale, positions = load_row(norm, SCALE, c, channels), count.to(tl.float32)
    slope = -scale * load_row(norm, RSTD, c, channels) * tl.div_rn(sum_gamma, positions)
    constant = -scale * tl.div_rn(sum_beta, positions) - slope * load_row(norm, MEAN, c, channels)
    coefficients += member * (GRAD_ROWS * channels)
    tl.store(coefficients + GRAD_SCALE * channels + c, scale, mask=mask)
    tl.store(coefficients + GRAD_SLOPE * channels + c, slope, mask=mask)
    tl.store(coefficients + GRAD_CONSTANT * channels + c, constant, mask=mask)


def finish_statistics(
    convolved: Convolved, weights: Parameters, running: Running, rest: Tensor, eps: float, momentum: float
) -> Tensor:
    """Merges the statistics of a convolution's output into `norm` (K, 5, C) float32, and tracks them in `running`.

    Args: the BN's `weights`, with the bias of the convolution before it; the `rest` (K,) of the next layer.
    """
    z, partials, rows = convolved
    members, blocks, _, channels = partials.shape
    norm = partials.new_empty(members, NORM_ROWS.value, channels)
    _finish_statistics[triton.cdiv(channels, STATISTICS_CHANNELS), members](
        partials=partials, gamma=weights.gamma, beta=weights.beta, bias=weights.bias, **running._asdict(), rest=rest,
        norm=norm, count=z.shape[1], blocks=blocks, member_stride=weights.gamma.stride(0), rows=rows,
        channels=channels, at_once=STATISTICS_BLOCKS, width=STATISTICS_CHANNELS, eps=eps, momentum=momentum,
    )  # fmt: skip
    return norm


def finish_gradients(below: BelowNorm, z: Tensor, norm: Tensor, grads: Parameters) -> OutputGradient:
    """Sums the gradients of gamma and beta into `grads`, and adds what makes that of the BN's input of `below`.

    Args: the BN's input `z` (K, N, C), and its `norm` (K, 5, C) as `finish_statistics` returns it.
    """
    members, blocks, _, channels = below.partials.shape
    coefficients = below.partials.new_empty(members, GRAD_ROWS.value, channels)
    _finish_gradients[triton.cdiv(channels, STATISTICS_CHANNELS), members](
        partials=below.partials, norm=norm, gamma=grads.gamma, beta=grads.beta, coefficients=coefficients,
        count=z.shape[1], blocks=blocks, member_stride=grads.gamma.stride(0), channels=channels,
        at_once=STATISTICS_BLOCKS, width=STATISTICS_CHANNELS,
    )  # fmt: skip
    return OutputGradient(below.grad, z, coefficients)
