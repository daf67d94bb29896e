"""Everything that happens to a task, as workers and launchers write it into journals: each event with its fields.

A field that is added here has a default, so that older journals open; None stands for what a line does not tell.
"""

from dataclasses import KW_ONLY, dataclass
from typing import ClassVar


@dataclass(frozen=True)
class Event:
    """The base of all events: something happened to the task `task_id`.

    `record` fills in when, and in which process on which machine.
    """

    label: ClassVar[str]  # in files

    task_id: str
    _: KW_ONLY
    at: float = 0.0  # seconds since 1970
    pid: int | None = None
    host: str | None = None


@dataclass(frozen=True)
class Started(Event):
    """A worker begins with the task, for the `attempt`-th time; `log` is the name of the file of its output.

    What a crash may depend on comes along: the CPU and its vector instructions, and the versions of torch and of this
    package.
    """

    label = "started"

    attempt: int | None = None
    log: str | None = None
    cpu: str | None = None
    cpu_capability: str | None = None
    torch_version: str | None = None
    qsweep_version: str | None = None


@dataclass(frozen=True)
class Evaluated(Event):
    """A run was evaluated after an epoch: the columns of that epoch in the table of curves. A search asks for it."""

    label = "epoch"

    epoch: int  # counted from 1
    lr: float | None = None
    batch_loss: float | None = None  # nats, as the others
    train_loss: float | None = None
    train_acc: float | None = None  # share of 1, as the others
    test_loss: float | None = None
    test_acc: float | None = None
    test_top5: float | None = None

    @property
    def gap(self) -> float | None:
        """The generalization gap, test_loss - train_loss; None where one of them is."""
        return None if self.test_loss is None or self.train_loss is None else self.test_loss - self.train_loss


@dataclass(frozen=True)
class Stopped(Event):
    """A worker was asked to stop, and left a checkpoint of the task where it can have one."""

    label = "stopped"


@dataclass(frozen=True)
class Requeued(Event):
    """A worker had its scheduler put its whole pack back into the queue, for `cause`; the task is its first."""

    label = "requeued"

    cause: str


@dataclass(frozen=True)
class Elsewhere(Event):
    """A worker passed the task over, or dropped what it came to: `holder` has its claim, a worker of `sweep_id`."""

    label = "elsewhere"

    holder: str = ""  # in words
    sweep_id: str = ""


@dataclass(frozen=True)
class Died(Event):
    """A worker ended at the task, for `cause`, in a crash by `signal`. The launcher writes it."""

    label = "died"

    cause: str
    signal: str = ""


@dataclass(frozen=True)
class EndedEarly(Event):
    """A worker ended before it began with any task of its pack, of which this is the first: none is to blame.

    The launcher writes it, with the `cause`, what its scheduler said, the id of the scheduler's job, and the path of
    the log.
    """

    label = "ended early"

    cause: str
    detail: str = ""
    job: str = ""
    log: str = ""


@dataclass(frozen=True)
class End(Event):
    """The base of the events after which nobody waits for the task."""


@dataclass(frozen=True)
class Finished(End):
    """The row of the task was written; `seconds` is None where a worker found it there."""

    label = "finished"

    seconds: float | None = None


@dataclass(frozen=True)
class Diverged(End):
    """The row of a run was written whose loss became NaN or infinite; `seconds` as of `Finished`."""

    label = "diverged"

    seconds: float | None = None


@dataclass(frozen=True)
class Failed(End):
    """The task raised `error`, its last line; or its workers died for `cause` as often as allowed."""

    label = "failed"

    error: str = ""
    cause: str | None = None


@dataclass(frozen=True)
class Pruned(End):
    """A search stopped the run, which has a checkpoint and no row."""

    label = "pruned"


EVENTS = (
    Started, Evaluated, Stopped, Requeued, Elsewhere, Died, EndedEarly, Finished, Diverged, Failed, Pruned
)  # fmt: skip
END_OF = {Finished.label: Finished, Diverged.label: Diverged}  # by the status of the row that was written
