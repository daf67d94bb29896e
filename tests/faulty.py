"""A schedule from outside the package whose runs fail or wait on demand, as they begin an epoch.

`run(FAULTY, "bits=2,8", env=failing({"SIGBUS": {"bits": 8}}))` ends the worker of each run at 8 bits by a bus error;
`env=waiting(folder / "go")` holds all runs until the file is there.
"""

import json
import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep import PROJECT
from sweep.config.part_classes import Schedule
from sweep.training.schedules import LR_GAMMA, steps

if TYPE_CHECKING:
    from sweep.config.run import RunConfig

PART = Schedule("faulty", "as steps, where the run does not fail or wait", (LR_GAMMA,), trains_in_arrays=True)
FAULTY = "lr_decay=tests.faulty"
_FAULTS, _GATE = "FAULTS", "GATE"


def failing(faults: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """An environment in which runs with these values get the signal of that name, or raise that message.

    `{address}` in a message is where the run lies in memory.
    """
    return os.environ | {"PYTHONPATH": str(PROJECT), _FAULTS: json.dumps(faults)}


def waiting(gate: Path) -> dict[str, str]:
    """An environment in which runs wait, before every epoch, until the file `gate` exists."""
    return os.environ | {"PYTHONPATH": str(PROJECT), _GATE: str(gate)}


def learning_rate(run: "RunConfig", epoch: int) -> float:
    while _GATE in os.environ and not Path(os.environ[_GATE]).exists():
        time.sleep(0.05)
    for fault, values in json.loads(os.environ.get(_FAULTS, "{}")).items():
        if all(getattr(run, name) == value for name, value in values.items()):
            if fault in signal.Signals.__members__:
                os.kill(os.getpid(), signal.Signals[fault])
            raise RuntimeError(fault.format(address=hex(id(run))))
    return steps.learning_rate(run, epoch)
