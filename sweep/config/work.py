"""What is done with a run: it is trained, or what it kept is measured, or evaluated on corrupted images."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sweep.config.parts import Part

Kind = str  # its name, as its table in sweep/results/schema.py has it


class Options(Protocol):
    """The values that work needs besides the run: a `MeasureConfig` or a `Distortion` of sweep.config."""

    @property
    def options_id(self) -> str:
        """The sha256 of the values."""
        ...

    @property
    def parts(self) -> Sequence[Part]:
        """The parts that do the work, besides those of the run."""
        ...

    @property
    def unknown_parts(self) -> Sequence[str]:
        """Returns those that are not known here, as they are asked for, such as `measure=my_package.my_measure`."""
        ...


@dataclass(frozen=True, slots=True)
class Work:
    """Work on a run: `kind` is one of sweep.worker.kinds; `options` is what that needs to know besides the run."""

    kind: Kind
    options: Options | None = None

    def task_id(self, run_id: str) -> str:
        """Names this work on this run: of a training the run id itself."""
        if self.options is None:
            return run_id
        return hashlib.sha256(f"{self.kind} {run_id} {self.options.options_id}".encode()).hexdigest()


TRAINING = Work("train")
