"""The learning rate falls at milestones alone."""

from typing import TYPE_CHECKING

from sweep.config.part_classes import Schedule
from sweep.training.schedules import LR_GAMMA

if TYPE_CHECKING:
    from sweep.config.run import RunConfig

PART = Schedule("steps", "at milestones alone", (LR_GAMMA,), trains_in_arrays=True)


def learning_rate(run: "RunConfig", epoch: int) -> float:
    """Returns lr times lr_gamma for every milestone reached."""
    rate: float = run.lr * run.lr_gamma ** sum(epoch >= milestone for milestone in run.milestones)
    return rate
