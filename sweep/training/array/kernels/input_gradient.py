"""The gradient of a convolution's input, carried on through the ReLU before it, with the sums that its BN needs."""

import torch
import triton
import triton.language as tl

from sweep.training.array.kernels.load import GRAD_ROWS, NORM_ROWS, load_gradient, store_masked_gradient
from sweep.training.array.kernels.tensors import BelowNorm, OutputGradient, Products, Source
from sweep.training.array.kernels.tiles import input_gradient_tile
from sweep.training.array.operations import Quantized


@triton.jit
def _input_positions(m, parity, images, shape: tl.constexpr):
    """Input position (image, y, x) number `m` among those whose y and x are odd or even as `parity` says."""
    parity_y, parity_x = parity // 2, parity % 2
    if shape.kernel == 1:
        height, width, step = shape.in_height, shape.in_width, 1
    else:
        height, width, step = (shape.in_height + 1 - parity_y) // 2, (shape.in_width + 1 - parity_x) // 2, 2
    image = m // tl.maximum(height * width, 1)  # there are no odd rows in an image of one
    y, x = m // tl.maximum(width, 1) % tl.maximum(height, 1), m % tl.maximum(width, 1)
    return image, y * step + parity_y, x * step + parity_x, m < images * height * width


@triton.jit
def _window_of(y, x, tap, parity, shape: tl.constexpr):
    """The output position whose window has input (y, x) under its weight `row`, for each `tap` that there is one."""
    if shape.kernel == 1:
        return y, x, 0
    parity_y, parity_x = parity // 2, parity % 2
    back_y, back_x = tap // (1 + parity_x), tap % (1 + parity_x)
    row = (1 - parity_y + 2 * back_y) * 3 + 1 - parity_x + 2 * back_x
    return y // 2 + parity_y - back_y, x // 2 + parity_x - back_x, row


@triton.jit(do_not_specialize=["images"])
def _input_gradient(
    grad, z, coefficients, operand, rest, source, norm, out, partials, images,
    shape: tl.constexpr, tile: tl.constexpr, precision: tl.constexpr,
):  # fmt: skip
    member, block = tl.program_id(2).to(tl.int64), tl.program_id(1)
    c = tl.program_id(0) * tile.columns + tl.arange(0, tile.columns)
    output = member * images * (shape.out_positions * shape.out_channels)
    operand += member * (shape.rows * shape.out_channels)
    coefficients += member * (GRAD_ROWS * shape.out_channels)
    blocks = tl.num_programs(1) // shape.parities
    parity = block // blocks
    m = block % blocks * tile.rows + tl.arange(0, tile.rows)
    image, y, x, inside = _input_positions(m, parity, images, shape)
    chunks: tl.constexpr = (shape.out_channels + tile.depth - 1) // tile.depth
    total = tl.full((tile.rows, tile.columns), 0.0, tl.float32)
    for step in range((1 + parity // 2) * (1 + parity % 2) * chunks):
        k = step % chunks * tile.depth + tl.arange(0, tile.depth)
        row, column, tap = _window_of(y, x, step // chunks, parity, shape)
        position = (image * shape.out_height + row) * shape.out_width + column
        found = inside & (row < shape.out_height) & (column < shape.out_width)
        grad_z = load_gradient(grad + output, z + output, coefficients, position, found, k, shape.out_channels)
        at = (tap * shape.in_channels + c)[:, None] * shape.out_channels + k[None, :]
        mask = (c < shape.in_channels)[:, None] & (k < shape.out_channels)[None, :]
        weight = tl.load(operand + at, mask=mask, other=0.0)
        total = tl.dot(grad_z, tl.trans(weight), total, input_precision=precision)
    start = member * images * (shape.in_positions * shape.in_channels)
    position = (image * shape.in_height + y) * shape.in_width + x
    partials += (member * tl.num_programs(1) + block) * (2 * shape.in_channels)
    norm += member * (NORM_ROWS * shape.in_channels)
    total *= tl.load(rest + member)
    store_masked_gradient(total, source + start, norm, out + start, partials, position, inside, c, shape.in_channels)


def input_gradient(gradient: OutputGradient, weight: Quantized, source: Source, products: Products) -> BelowNorm:
    """Carries the `gradient` of a layer's output on to the BN's output of the layer before, (K, N_in, C_in).

    Args: the layer's quantized `weight`; its input `source`, the normalized z of the layer before.
    """
    shape, images, precision = products
    members, tile = len(gradient.grad), input_gradient_tile(shape, gradient.grad.element_size())
    blocks = shape.parities * triton.cdiv(images * shape.parity_positions, tile.rows)
    out = torch.empty_like(source.source)
    partials = gradient.coefficients.new_empty(members, blocks, 2, shape.in_channels)
    _input_gradient[triton.cdiv(shape.in_channels, tile.columns), blocks, members](
        **gradient._asdict(), **weight._asdict(), **source._asdict(), out=out, partials=partials, images=images,
        shape=shape, tile=tile, precision=precision, num_warps=tile.warps, num_stages=tile.stages,
    )  # fmt: skip
    return BelowNorm(out, partials)
