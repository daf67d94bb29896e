"""LSQ's backward pass and the optimizer's step of one layer, in one pass over its parameters."""

import triton
import triton.language as tl
from torch import Tensor

from sweep.training.array.kernels.tiles import UPDATE_BLOCK
from sweep.training.array.layout import Layer
from sweep.training.array.operations import StepSizes
from sweep.training.array.state import Stack
from sweep.training.array.update import ADAM_BETAS, EPS

# Columns of the table of members, in float32
LR, WEIGHT_DECAY, UNSCALE, MOMENTUM, IS_ADAM, IS_RMSPROP, SQUARE_DECAY, SQUARE_WEIGHT, CORRECTION, APPLIES = (
    tl.constexpr(column) for column in range(10)
)
_COLUMNS = tl.constexpr(10)
_MOMENT_WEIGHT, _EPS = tl.constexpr(1 - ADAM_BETAS[0]), tl.constexpr(EPS)
_ROUND = tl.constexpr(1.5 * 2**23)  # added and taken away again, it rounds a small float32 half to even


@triton.jit
def _quantize_backward(grad, weight, step, qmin, qmax):
    """Gradients of the weight, and of the step size to be summed (`lsq_gradients`)."""
    scaled = tl.div_rn(weight, step)
    clipped = tl.maximum(scaled, qmin, propagate_nan=tl.PropagateNan.ALL)
    clipped = tl.minimum(clipped, qmax, propagate_nan=tl.PropagateNan.ALL)
    codes = (clipped + _ROUND) - _ROUND
    inside = (scaled > qmin) & (scaled < qmax)
    return grad * tl.where(inside, 1.0, 0.0), grad * tl.where(inside, codes - scaled, codes)


@triton.jit
def _new_values(value, grad, moment, square, table):
    """As `sweep.training.array.update.new_values`, from its member's row of the table."""
    is_adam, is_rmsprop = tl.load(table + IS_ADAM) > 0, tl.load(table + IS_RMSPROP) > 0
    grad = grad * tl.load(table + UNSCALE) + tl.load(table + WEIGHT_DECAY) * value
    new_square = tl.load(table + SQUARE_DECAY) * square + tl.load(table + SQUARE_WEIGHT) * grad * grad
    root = tl.div_rn(tl.sqrt_rn(new_square), tl.load(table + CORRECTION) + tl.zeros_like(value)) + _EPS
    step = tl.where(is_rmsprop, tl.div_rn(grad, root), grad)
    averaged = moment + _MOMENT_WEIGHT * (grad - moment)
    new_moment = tl.where(is_adam, averaged, tl.load(table + MOMENTUM) * moment + step)
    change = tl.where(is_adam, tl.div_rn(new_moment, root), new_moment)
    return value - tl.load(table + LR) * change, new_moment, tl.where(is_adam | is_rmsprop, new_square, square)


@triton.jit
def _update(
    value, grad, moment, square, step, qmin, qmax, is_quantized, table, step_grads,
    steps_stride, step_grads_stride,
    matrix: tl.constexpr, size: tl.constexpr, member_stride: tl.constexpr, block: tl.constexpr,
):  # fmt: skip
    member, of_layer = tl.program_id(1).to(tl.int64), tl.program_id(1).to(tl.int64) * steps_stride
    at = tl.program_id(0) * block + tl.arange(0, block)
    mask, place = at < size, member * member_stride + at
    old, found = tl.load(value + place, mask=mask, other=0.0), tl.load(grad + place, mask=mask, other=0.0)
    m, s = tl.load(moment + place, mask=mask, other=0.0), tl.load(square + place, mask=mask, other=0.0)
    own = tl.load(step + of_layer) + tl.zeros_like(old)
    inner, terms = _quantize_backward(found, old, own, tl.load(qmin + of_layer), tl.load(qmax + of_layer))
    quantized = (at < matrix) & (tl.load(is_quantized + of_layer) != 0)
    step_grad = tl.sum(tl.where(quantized, terms, 0.0), 0)
    tl.store(step_grads + member * step_grads_stride + tl.program_id(0), step_grad)
    table += member * _COLUMNS
    new, new_m, new_s = _new_values(old, tl.where(quantized, inner, found), m, s, table)
    mask &= tl.load(table + APPLIES) + tl.zeros_like(old) > 0
    tl.store(value + place, new, mask=mask)
    tl.store(moment + place, new_m, mask=mask)
    tl.store(square + place, new_s, mask=mask)


@triton.jit
def _sum_step_gradients(parts, scale, grad, layers: tl.constexpr, blocks: tl.constexpr, width: tl.constexpr):
    place = tl.program_id(1).to(tl.int64) * layers + tl.program_id(0)
    at = tl.arange(0, width)
    total = tl.sum(tl.load(parts + place * blocks + at, mask=at < blocks, other=0.0), 0)
    tl.store(grad + place, total * tl.load(scale + place))


def blocks_of(layer: Layer) -> int:
    """Returns in how many parts the gradient of a layer's step size comes."""
    return -(-(layer.rows + 3) * layer.columns // UPDATE_BLOCK)


def update_layer(tensors: Stack, layer: Layer, steps: StepSizes, table: Tensor, step_grads: Tensor) -> None:
    """Takes one step of all parameters of a layer, in place.

    Args: `tensors` with the gradient of the quantized weight, each a view (K, rows, C_out) of the layer's weight in
    all parameters, which its vectors follow; `table` (K, 10) float32, its columns as above; `step_grads` (K, blocks)
    gets the parts of the step size's gradient.
    """
    matrix = layer.rows * layer.columns
    size = matrix + 3 * layer.columns
    _update[triton.cdiv(size, UPDATE_BLOCK), len(table)](
        **tensors._asdict(), **steps._asdict(), table=table, step_grads=step_grads,
        steps_stride=steps.step.stride(0), step_grads_stride=step_grads.stride(0), matrix=matrix, size=size,
        member_stride=tensors.value.stride(0), block=UPDATE_BLOCK, num_warps=4,
    )  # fmt: skip


def sum_step_gradients(parts: Tensor, scale: Tensor, grad: Tensor) -> None:
    """Writes the sums of `parts` (K, layers, blocks), times `scale`, to `grad`, both (K, layers)."""
    members, layers, blocks = parts.shape
    _sum_step_gradients[layers, members](parts, scale, grad, layers, blocks, triton.next_power_of_2(blocks))
