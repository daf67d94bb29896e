"""The learning rate of an epoch: schedules, a file each, none of which needs torch."""

from typing import TYPE_CHECKING

from sweep.config.part_classes import Schedule
from sweep.config.parts import Hyperparameter, part_of

if TYPE_CHECKING:
    from sweep.config.run import RunConfig

LR_GAMMA = Hyperparameter(
    "lr_gamma",
    float,
    "factor of the learning rate at a milestone",
    neutral=1.0,
    low=0,
    low_open=True,
    in_every_id=True,
    differs_in_arrays=True,
)


def learning_rate(run: "RunConfig", epoch: int) -> float:
    """Returns the learning rate of `run.lr_decay` in `epoch`, counted from 0."""
    rate: float = part_of(Schedule, run.lr_decay).load().learning_rate(run, epoch)
    return rate
