"""Operations and bytes of a training step, from the shapes of the layers."""

from collections.abc import Sequence
from typing import NamedTuple

from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.models import build_model
from sweep.plan.cost import BACKWARD, macs_per_image
from sweep.training.array.layout import Layer, layers_of
from sweep.training.precision import OPERANDS, master_dtype


class Passes(NamedTuple):
    """How often a step reads or writes each element of a layer, as operands of products."""

    outputs: int
    inputs: int
    columns: int = 0  # of the input laid out for a matrix product


class Traffic(NamedTuple):
    """The passes of a way to train; the first layer's input needs no gradient."""

    pointwise: Passes
    strided: Passes  # 3x3
    first: Passes
    operands: int  # passes over each weight as an operand
    masters: int  # and in master precision

    def of(self, layer: Layer) -> Passes:
        if layer.is_first:
            return self.first
        return self.pointwise if layer.kernel == 1 else self.strided


# Outputs: the convolution writes; BN reads for its statistics, reads and writes; ReLU reads and writes. Backward, ReLU
# reads two and writes, BN reads two, reads two and writes; the gradients of bias, weight and input read one each: 17.
# Inputs: read forward and for the weight's gradient, their gradient is written: 3.
# Masters: LSQ of autograd operations makes about 32 passes, SGD with momentum 5.
EAGER = Traffic(Passes(17, 3), Passes(17, 3), Passes(16, 2), operands=4, masters=37)
# BN with ReLU is one pass after the statistics (3), its backward two (2 and 3); no gradient of the bias: 11.
# Columns: written and read forward, read for the weight's gradient, their gradient written and read: 5.
# Masters: LSQ 1, its gradient 4, the optimizer 7 with both moments.
BMM = Traffic(Passes(11, 3), Passes(11, 2, 5), Passes(10, 1, 3), operands=4, masters=12)
# BN and ReLU on load, statistics in the epilogue: written once, and loaded with its gradient by both products of the
# backward pass; the gradient's epilogue reads the input once more. LSQ's gradient and the optimizer are one kernel.
FUSED = Traffic(Passes(5, 4), Passes(5, 4), Passes(3, 2), operands=4, masters=9)


def operations(run: RunConfig, facts: DataFacts) -> float:
    """Floating point operations of a training step of one member: 2 per multiply-accumulate."""
    return 2 * (1 + BACKWARD) * macs_per_image(run, facts) * run.batch_size


def activation_bytes(layers: Sequence[Layer], traffic: Traffic, batch: int, itemsize: int) -> int:
    """Of one member."""
    elements = 0
    for layer in layers:
        passes, size = traffic.of(layer), layer.in_size[0] * layer.in_size[1] * layer.in_channels
        columns = layer.positions * layer.kernel**2 * layer.in_channels
        elements += passes.outputs * layer.positions * layer.out_channels
        elements += passes.inputs * size + passes.columns * columns
    return elements * batch * itemsize


def step_bytes(run: RunConfig, facts: DataFacts, traffic: Traffic) -> int:
    """What a training step of one member has to move, if nothing stays in a cache from one kernel to the next."""
    model = build_model(run, facts.channels, facts.classes, (facts.height, facts.width))
    layers = layers_of(model, facts.height, facts.width)
    operand, master = OPERANDS[run.precision].itemsize, master_dtype(run.precision).itemsize
    weights = sum(parameter.numel() for parameter in model.parameters())
    per_weight = traffic.operands * operand + traffic.masters * master
    return activation_bytes(layers, traffic, run.batch_size, operand) + weights * per_weight
