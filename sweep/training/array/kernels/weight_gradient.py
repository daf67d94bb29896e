"""The gradient of a convolution's weight: products of input and output gradient, summed over all positions."""

import triton
import triton.language as tl
from torch import Tensor

from sweep.training.array.kernels.load import GRAD_ROWS, NORM_ROWS, load_gradient, load_input, window_positions
from sweep.training.array.kernels.tensors import OutputGradient, Products, Source
from sweep.training.array.kernels.tiles import SPLIT_POSITIONS, UPDATE_BLOCK, weight_gradient_tile


@triton.jit(do_not_specialize=["images"])
def _weight_gradient(
    source, norm, grad, z, coefficients, partials, images,
    shape: tl.constexpr, tile: tl.constexpr, split: tl.constexpr, normalizes: tl.constexpr, precision: tl.constexpr,
):  # fmt: skip
    member, part = tl.program_id(2).to(tl.int64), tl.program_id(1)
    across: tl.constexpr = (shape.out_channels + tile.columns - 1) // tile.columns
    chunks: tl.constexpr = (shape.in_channels + tile.rows - 1) // tile.rows
    tap = tl.program_id(0) // across // chunks
    k = tl.program_id(0) // across % chunks * tile.rows + tl.arange(0, tile.rows)
    c = tl.program_id(0) % across * tile.columns + tl.arange(0, tile.columns)
    source += member * images * (shape.in_positions * shape.in_channels)
    norm += member * (NORM_ROWS * shape.in_channels)
    output = member * images * (shape.out_positions * shape.out_channels)
    coefficients += member * (GRAD_ROWS * shape.out_channels)
    total = tl.full((tile.rows, tile.columns), 0.0, tl.float32)
    for start in range(part * split, tl.minimum((part + 1) * split, images * shape.out_positions), tile.depth):
        n = start + tl.arange(0, tile.depth)
        position, inside = window_positions(n, tap, images, shape)
        x = load_input(source, norm, position, inside, k, shape.in_channels, normalizes)
        valid = n < images * shape.out_positions
        grad_z = load_gradient(grad + output, z + output, coefficients, n, valid, c, shape.out_channels)
        total = tl.dot(tl.trans(x), grad_z, total, input_precision=precision)
    partials += (member * tl.num_programs(1) + part) * (shape.rows * shape.out_channels)
    at = (tap * shape.in_channels + k)[:, None] * shape.out_channels + c[None, :]
    tl.store(partials + at, total, mask=(k < shape.in_channels)[:, None] & (c < shape.out_channels)[None, :])


@triton.jit(do_not_specialize=["parts"])
def _sum_parts(partials, rest, out, parts, size: tl.constexpr, member_stride: tl.constexpr, block: tl.constexpr):
    member = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * block + tl.arange(0, block)
    partials += member * parts * size
    total = tl.full((block,), 0.0, tl.float32)
    for part in range(parts):
        total += tl.load(partials + part * size + at, mask=at < size, other=0.0)
    total = tl.div_rn(total, tl.load(rest + member))
    tl.store(out + member * member_stride + at, total, mask=at < size)


def weight_gradient(source: Source, gradient: OutputGradient, rest: Tensor, out: Tensor, products: Products) -> None:
    """Writes the gradient of the quantized weight to `out` (K, rows, C_out), a view into all gradients.

    Args: the layer's input `source`, the `gradient` of its output, and the `rest` (K,) of its step size.
    """
    shape, images, precision = products
    members, tile = len(out), weight_gradient_tile(shape, source.source.element_size())
    parts, size = triton.cdiv(images * shape.out_positions, SPLIT_POSITIONS), shape.rows * shape.out_channels
    partials = gradient.coefficients.new_empty(members, parts, size)
    rows = shape.taps * triton.cdiv(shape.in_channels, tile.rows)
    _weight_gradient[rows * triton.cdiv(shape.out_channels, tile.columns), parts, members](
        **source.arguments(), **gradient._asdict(), partials=partials, images=images,
        shape=shape, tile=tile, split=SPLIT_POSITIONS, precision=precision,
        num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    _sum_parts[triton.cdiv(size, UPDATE_BLOCK), members](
        partials, rest, out, parts, size, out.stride(0), UPDATE_BLOCK, num_warps=4
    )
