"""What an array will take of the device's memory, before it starts."""

from collections.abc import Iterable, Sequence

import torch

from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.data.order import PADDING
from sweep.models import build_model
from sweep.training.array.layout import Layer, layers_of, parameters_per_member
from sweep.training.precision import OPERANDS, master_dtype

EVALUATION_BATCH = 250  # fixed: what a member's numbers are must not depend on how many members there are
USABLE_SHARE = 0.9  # of the free memory: the allocator rounds up, and libraries want workspaces


class _Sizes:
    """Elements of one layer's tensors, for a number of images, and bytes per element."""

    def __init__(self, layer: Layer, images: int, precision: str) -> None:
        positions = images * layer.positions
        self.output = positions * layer.columns
        self.columns = positions * layer.rows if layer.is_first or layer.kernel > 1 else 0
        inner = images * layer.in_size[0] * layer.in_size[1] * layer.rows // layer.kernel**2
        border = (1 + 2 / layer.in_size[0]) * (1 + 2 / layer.in_size[1])
        self.padded_input = 0 if layer.is_first or layer.kernel == 1 else int(inner * (1 + border))
        self.operand, self.master = OPERANDS[precision].itemsize, master_dtype(precision).itemsize


# Tensors of a layer's output that exist at once while it is normalized (forward) and differentiated (backward), in
# master precision: PyTorch's own operations make one each, compiled ones none but the result.
_FORWARD_TEMPORARIES = {True: 0, False: 2}
_BACKWARD_TEMPORARIES = {True: 0, False: 5}
_OPTIMIZER_TEMPORARIES = {True: 3, False: 8}


def predicted_bytes(run: RunConfig, facts: DataFacts, members: int, compiled: bool) -> int:
    """Peak memory of an array of `members` runs like `run` with its data set; `compiled` as on a GPU."""
    layers = _layers(run, facts)
    parameters = parameters_per_member(layers) * master_dtype(run.precision).itemsize
    weights = sum(layer.rows * layer.columns for layer in layers) * OPERANDS[run.precision].itemsize
    training = [_Sizes(layer, run.batch_size, run.precision) for layer in layers]
    evaluation = [_Sizes(layer, EVALUATION_BATCH, run.precision) for layer in layers]
    passes = max(_training_bytes(training, compiled), _evaluation_bytes(evaluation, compiled)) + weights
    step = max(passes, _OPTIMIZER_TEMPORARIES[compiled] * parameters)
    return members * (4 * parameters + step) + _data_bytes(run, facts)


def members_that_fit(run: RunConfig, facts: DataFacts, free_bytes: int, compiled: bool) -> int:
    """The largest array of runs like `run`; at least 1, which may still turn out too much."""
    one, two = (predicted_bytes(run, facts, members, compiled) for members in (1, 2))
    return max(1, int((free_bytes * USABLE_SHARE - (2 * one - two)) // (two - one)))


def _layers(run: RunConfig, facts: DataFacts) -> tuple[Layer, ...]:
    with torch.device("meta"):
        model = build_model(run, facts.channels, facts.classes, (facts.height, facts.width))
        return layers_of(model, facts.height, facts.width)


def _training_bytes(layers: Sequence[_Sizes], compiled: bool) -> int:
    """Of one member: the tape grows forward, and shrinks backward."""
    tape, taped, peaks = 0, [], []
    for sizes in layers:
        tape += (sizes.columns + 2 * sizes.output) * sizes.operand
        taped.append(tape)
        peaks.append(tape + _FORWARD_TEMPORARIES[compiled] * sizes.output * sizes.master)
    for sizes, held in zip(layers, taped, strict=True):
        gradients = 2 * sizes.output * sizes.operand + sizes.output * _BACKWARD_TEMPORARIES[compiled] * sizes.master
        to_input = (sizes.columns + sizes.padded_input + 2 * sizes.output) * sizes.operand
        peaks.append(held + max(gradients, to_input))
    return max(peaks)


def _evaluation_bytes(layers: Iterable[_Sizes], compiled: bool) -> int:
    """Of one member: a layer's input, as columns too, its output before and after the activation."""
    peaks, before = [], 0
    for sizes in layers:
        held = (before + sizes.columns + 2 * sizes.output) * sizes.operand
        peaks.append(held + _FORWARD_TEMPORARIES[compiled] * sizes.output * sizes.master)
        before = sizes.output
    return max(peaks)


def _data_bytes(run: RunConfig, facts: DataFacts) -> int:
    """uint8 images of both splits, the training ones again with the padding that crops need."""
    train, test = facts.subset(run)
    pixels = facts.height * facts.width * facts.channels
    padded = (facts.height + 2 * PADDING) * (facts.width + 2 * PADDING) * facts.channels
    return (train + test) * pixels + (train * padded if run.augmentation != "none" else 0)
