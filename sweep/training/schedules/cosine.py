"""The learning rate falls at milestones, and by a half cosine over the epochs."""

import math
from typing import TYPE_CHECKING

from sweep.config.part_classes import Schedule
from sweep.training.schedules import LR_GAMMA, steps

if TYPE_CHECKING:
    from sweep.config.run import RunConfig

PART = Schedule("cosine", "also by a half cosine over the epochs, to 0", (LR_GAMMA,), trains_in_arrays=True)


def learning_rate(run: "RunConfig", epoch: int) -> float:
    """Returns the rate of `steps` times (1 + cos(pi epoch / epochs)) / 2 (Loshchilov & Hutter 2017, eq. 5, per
    epoch).
    """
    return steps.learning_rate(run, epoch) * (1 + math.cos(math.pi * epoch / run.epochs)) / 2
