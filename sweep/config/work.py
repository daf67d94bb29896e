"""What is done with a run: it is trained, or what it kept is measured, or evaluated on corrupted images."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from sweep.config.distorting import Distortion
from sweep.config.measuring import MeasureConfig

Kind = Literal["train", "measure", "distort"]
PAST: dict[Kind, str] = {"train": "trained", "measure": "measured", "distort": "evaluated"}  # for messages
Options = MeasureConfig | Distortion


@dataclass(frozen=True, slots=True)
class Work:
    """`kind` names a module of sweep.worker.work; `options` is what that needs to know besides the run."""

    kind: Kind
    options: Options | None = None

    def task_id(self, run_id: str) -> str:
        """Names this work on this run: of a training the run id itself."""
        if self.options is None:
            return run_id
        return hashlib.sha256(f"{self.kind} {run_id} {self.options.options_id}".encode()).hexdigest()


TRAINING = Work("train")
