"""The forward pass of a convolution, its input normalized while loading, with the statistics of its output."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sweep.training.array.kernels.load import NORM_ROWS, load_input, window_positions
from sweep.training.array.kernels.tensors import Convolved, Products, Source
from sweep.training.array.kernels.tiles import forward_tile


@triton.jit(do_not_specialize=["images"])
def _convolution(
    source, operand, norm, out, partials, images,
    shape: tl.constexpr, tile: tl.constexpr, normalizes: tl.constexpr, precision: tl.constexpr,
):  # fmt: skip
    member, block = tl.program_id(2).to(tl.int64), tl.program_id(1)
    n = block * tile.rows + tl.arange(0, tile.rows)
    c = tl.program_id(0) * tile.columns + tl.arange(0, tile.columns)
    source += member * images * (shape.in_positions * shape.in_channels)
    operand += member * (shape.rows * shape.out_channels)
    norm += member * (NORM_ROWS * shape.in_channels)
    chunks: tl.constexpr = (shape.in_channels + tile.depth - 1) // tile.depth
    total = tl.full((tile.rows, tile.columns), 0.0, tl.float32)
    for step in range(shape.taps * chunks):
        tap = step // chunks
        k = step % chunks * tile.depth + tl.arange(0, tile.depth)
        position, inside = window_positions(n, tap, images, shape)
        x = load_input(source, norm, position, inside, k, shape.in_channels, normalizes)
        at = (tap * shape.in_channels + k)[:, None] * shape.out_channels + c[None, :]
        mask = (k < shape.in_channels)[:, None] & (c < shape.out_channels)[None, :]
        total = tl.dot(x, tl.load(operand + at, mask=mask, other=0.0), total, input_precision=precision)
    inside = n < images * shape.out_positions
    out += member * images * (shape.out_positions * shape.out_channels)
    at = n[:, None] * shape.out_channels + c[None, :]
    tl.store(out + at, total.to(out.dtype.element_ty), mask=inside[:, None] & (c < shape.out_channels)[None, :])
    partials += (member * tl.num_programs(1) + block) * (2 * shape.out_channels)
    _store_statistics(total, inside, partials, c, shape.out_channels)


@triton.jit
def _store_statistics(z, inside, partials, c, channels: tl.constexpr):
    """Mean of each column, and the sum of squared distances from it."""
    mean = tl.sum(tl.where(inside[:, None], z, 0.0), 0) / tl.sum(inside.to(tl.float32), 0)
    centred = tl.where(inside[:, None], z - mean[None, :], 0.0)
    tl.store(partials + c, mean, mask=c < channels)
    tl.store(partials + channels + c, tl.sum(centred * centred, 0), mask=c < channels)


def convolution(source: Source, operand: Tensor, products: Products) -> Convolved:
    """Multiplies the windows of a layer's input with its weight, `operand` (K, rows, C_out)."""
    shape, images, precision = products
    members, tile = len(operand), forward_tile(shape, operand.element_size())
    blocks = triton.cdiv(images * shape.out_positions, tile.rows)
    out = operand.new_empty(members, images * shape.out_positions, shape.out_channels)
    partials = operand.new_empty(members, blocks, 2, shape.out_channels, dtype=torch.float32)
    grid = (triton.cdiv(shape.out_channels, tile.columns), blocks, members)
    _convolution[grid](
        **source.arguments(), operand=operand, out=out, partials=partials, images=images,
        shape=shape, tile=tile, precision=precision, num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return Convolved(out, partials, tile.rows)
