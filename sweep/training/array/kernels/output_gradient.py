"""The backward pass of the last ReLU, which has no convolution after it."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from sweep.training.array.kernels.load import NORM_ROWS, store_masked_gradient
from sweep.training.array.kernels.tensors import BelowNorm
from sweep.training.array.kernels.tiles import OUTPUT_BLOCK


@triton.jit(do_not_specialize=["count"])
def _output_gradient(
    grad, z, norm, out, partials, count, channels: tl.constexpr, rows: tl.constexpr, width: tl.constexpr
):
    member, block = tl.program_id(1).to(tl.int64), tl.program_id(0)
    n, c = block * rows + tl.arange(0, rows), tl.arange(0, width)
    inside = n < count
    start = member * count * channels
    at = n[:, None] * channels + c[None, :]
    grad_x = tl.load(grad + start + at, mask=inside[:, None] & (c < channels)[None, :], other=0.0).to(tl.float32)
    norm += member * (NORM_ROWS * channels)
    partials += (member * tl.num_programs(0) + block) * (2 * channels)
    store_masked_gradient(grad_x, z + start, norm, out + start, partials, n, inside, c, channels)


def output_gradient(grad: Tensor, z: Tensor, norm: Tensor) -> BelowNorm:
    """Carries `grad`, the gradient of the ReLU's output, on to the BN's output, both (K, N, C).

    Args: the BN's input `z` (K, N, C), and its `norm` (K, 5, C) as `finish_statistics` returns it.
    """
    members, count, channels = z.shape
    blocks = triton.cdiv(count, OUTPUT_BLOCK)
    out, partials = torch.empty_like(z), norm.new_empty(members, blocks, 2, channels)
    width = triton.next_power_of_2(channels)
    _output_gradient[blocks, members](grad, z, norm, out, partials, count, channels, OUTPUT_BLOCK, width)
    return BelowNorm(out, partials)
