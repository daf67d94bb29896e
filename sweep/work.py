"""What is done with a run: it is trained, or what it kept is measured."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from sweep.measures.config import MeasureConfig

Kind = Literal["train", "measure"]
KINDS: tuple[Kind, ...] = ("train", "measure")
PAST: dict[Kind, str] = {"train": "trained", "measure": "measured"}  # for messages


@dataclass(frozen=True, slots=True)
class Work:
    """`kind` names a module of launchers.work; `options` is what that needs to know besides the run."""

    kind: Kind
    options: MeasureConfig | None = None

    def task_id(self, run_id: str) -> str:
        """Names this work on this run: of a training the run id itself."""
        if self.options is None:
            return run_id
        return hashlib.sha256(f"{self.kind} {run_id} {self.options.measure_id}".encode()).hexdigest()


TRAINING = Work("train")
