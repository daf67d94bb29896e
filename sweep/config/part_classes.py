"""The classes of parts that training is made of: what each declares besides what every part does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from sweep.config.bits import quantizes_activations, quantizes_weights
from sweep.config.parts import Hyperparameter, Part, Values


@dataclass(frozen=True)
class Quantizer(Part):
    """A quantizer. Its code has `weight_quantizer(run, weight, bits, layer)`, `activation_quantizer(run, bits)` or
    both.

    `weights` and `activations` are the hyperparameters that each reads, None where it has no such quantizer; `reads`
    follows from them. bits, act_bits and first_last are everyone's.
    """

    key: ClassVar = "quantizer"
    room: ClassVar = "sweep.quantizers"
    entry_points: ClassVar = "qsweep.quantizers"

    weights: tuple[Hyperparameter, ...] | None = None
    activations: tuple[Hyperparameter, ...] | None = None
    weights_only: str = ""  # the quantizer that it is where activations stay float; empty: itself
    activations_only: str = ""  # and where weights do
    learns: bool = False  # whether it has parameters
    learns_step_sizes: bool = False  # whether it is LSQ's kind: one learned step size of every weight tensor
    splits_attention: bool = False  # whether queries, keys and values of one attention have quantizers of their own

    def __post_init__(self) -> None:
        both = (*(self.weights or ()), *(self.activations or ()))
        object.__setattr__(self, "reads", tuple(dict.fromkeys(both)))

    def signatures(self) -> tuple[str, ...]:
        weights = () if self.weights is None else ("weight_quantizer(run, weight, bits, layer)",)
        return weights if self.activations is None else (*weights, "activation_quantizer(run, bits)")

    def read_with(self, values: Values) -> Iterator[Hyperparameter]:
        weights = (self.weights or ()) if quantizes_weights(values) else ()
        activations = (self.activations or ()) if quantizes_activations(values) else ()
        return (own for own in (*weights, *activations) if own.read_if(values))


@dataclass(frozen=True)
class Rule(Part):
    """An update rule. Its code has `make_updates(run, model, optimizer, scaler)`, which returns
    `sweep.training.updates.base.Updates`.

    `passes(run)` are the forward and backward passes of a step, a mean over steps.
    """

    key: ClassVar = "rule"
    room: ClassVar = "sweep.training.updates"
    entry_points: ClassVar = "qsweep.rules"

    passes: Callable[[Any], float] = lambda run: 1
    splits_over_processes: bool = False  # whether processes that share a run can take its step together

    def signatures(self) -> tuple[str, ...]:
        return ("make_updates(run, model, optimizer, scaler)",)


@dataclass(frozen=True)
class Optimizer(Part):
    """An optimizer. Its code has `make_optimizer(groups, run, common)`, which returns a `torch.optim.Optimizer`.

    `groups` are parameters as torch takes them, `common` has lr, a tensor on a GPU, and weight_decay. The schedule sets
    the learning rate of all groups anew before every epoch.
    """

    key: ClassVar = "optimizer"
    room: ClassVar = "sweep.training.optimizers"
    entry_points: ClassVar = "qsweep.optimizers"
    has_files: ClassVar = True

    def signatures(self) -> tuple[str, ...]:
        return ("make_optimizer(groups, run, common)",)


@dataclass(frozen=True)
class Schedule(Part):
    """A schedule. Its code has `learning_rate(run, epoch)`, of an epoch counted from 0."""

    key: ClassVar = "lr_decay"
    room: ClassVar = "sweep.training.schedules"
    entry_points: ClassVar = "qsweep.schedules"
    has_files: ClassVar = True

    def signatures(self) -> tuple[str, ...]:
        return ("learning_rate(run, epoch)",)
