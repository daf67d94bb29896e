"""A schedule from outside the package whose runs fail on demand, as they begin an epoch.

`run(FAULTY, "bits=2,8", env=failing({"SIGBUS": {"bits": 8}}))` ends the worker of each run at 8 bits by a bus error.
"""

import json
import os
import signal
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sweep import PROJECT
from sweep.config.kinds import Schedule
from sweep.training.schedules import LR_GAMMA, steps

if TYPE_CHECKING:
    from sweep.config.run import RunConfig

PART = Schedule("faulty", "as steps, where the run does not fail", (LR_GAMMA,), trains_in_arrays=True)
FAULTY = "lr_decay=tests.faulty"
_VARIABLE = "FAULTS"


def failing(faults: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """An environment in which runs with these values get the signal of that name, or raise that message.

    `{address}` in a message is where the run lies in memory.
    """
    return os.environ | {"PYTHONPATH": str(PROJECT), _VARIABLE: json.dumps(faults)}


def learning_rate(run: "RunConfig", epoch: int) -> float:
    for fault, values in json.loads(os.environ.get(_VARIABLE, "{}")).items():
        if all(getattr(run, name) == value for name, value in values.items()):
            if fault in signal.Signals.__members__:
                os.kill(os.getpid(), signal.Signals[fault])
            raise RuntimeError(fault.format(address=hex(id(run))))
    return steps.learning_rate(run, epoch)
