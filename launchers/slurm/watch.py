"""What has become of the tasks of one sweep: alive, over, or not known to SLURM."""

import time
from collections.abc import Callable, Iterable, Mapping

from launchers.slurm.ledger import Submitted
from launchers.slurm.queue import TaskState, cancel, job_of, queue, shown

_REQUEUED_AFTER_S = 15.0  # SLURM has put back by then what it puts back; what it does not show appears by then
_SURE = ("CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE")


class Watch:
    """Tasks by what SLURM said of them when it was last asked.

    A task is known by its id and its name: after a crash, slurmctld may give an id a second time.
    """

    def __init__(self, poll_s: float = 0.0, ask: Callable[[Iterable[str]], dict[str, TaskState]] = queue) -> None:
        """`ask` is how SLURM is asked at a look; its answer may be a little old."""
        self._poll_s, self._ask = poll_s, ask
        self._states: dict[str, TaskState] = {}
        self._over_since: dict[str, float] = {}
        self._endings: dict[str, TaskState] = {}  # of tasks that are over; of one job they are asked for at once

    def look(self, entries: Iterable[Submitted]) -> None:
        """Asks SLURM; raises what its commands raise."""
        entries = list(entries)
        self._states, self._endings = self._ask(entry.task for entry in entries), {}
        for entry in entries:
            found = self.state(entry)
            if found is None or found.is_over:
                self._over_since.setdefault(entry.task, time.monotonic())
            else:
                self._over_since.pop(entry.task, None)

    def state(self, entry: Submitted) -> TaskState | None:
        """Returns the task as SLURM showed it; None where it did not."""
        return _own(entry, self._states)

    def forget(self, entry: Submitted) -> None:
        self._over_since.pop(entry.task, None)

    def over(self, entries: Iterable[Submitted]) -> list[Submitted]:
        """Returns those that were over, or missing, at the last look and long enough before."""
        late = [entry for entry in entries if self._is_late(entry)]
        self._states = _with_missing(late, self._states)
        return [entry for entry in late if _has_ended(entry, self._states)]

    def _is_late(self, entry: Submitted) -> bool:
        if entry.task not in self._over_since:
            return False
        found = self.state(entry)
        sure = found is not None and found.state in _SURE
        wait_s = self._poll_s if sure else _REQUEUED_AFTER_S
        return time.monotonic() - self._over_since[entry.task] >= wait_s

    def end(self, entries: Iterable[Submitted]) -> list[Submitted]:
        """Has SLURM end these tasks, and asks again; returns those that it is seen to have ended, or not to know."""
        entries = list(entries)
        cancel(entry.task for entry in entries if not self._is_anothers(entry))
        states = _with_missing(entries, queue(entry.task for entry in entries))
        return [entry for entry in entries if _has_ended(entry, states)]

    def ending(self, entry: Submitted) -> TaskState | None:
        """Returns the task, which is over, as scontrol shows it, with its exit code; else as the last look did."""
        if entry.task not in self._endings:
            self._endings |= shown(job_of(entry.task))
        return _own(entry, self._endings) or self.state(entry)

    def _is_anothers(self, entry: Submitted) -> bool:
        """Whether its id was given to a job that is not ours."""
        return entry.task in self._states and self.state(entry) is None


def _own(entry: Submitted, states: Mapping[str, TaskState]) -> TaskState | None:
    found = states.get(entry.task)
    return found if found is not None and entry.name in found.names else None


def _with_missing(entries: Iterable[Submitted], states: Mapping[str, TaskState]) -> dict[str, TaskState]:
    """`states`, and those of tasks that squeue does not show and scontrol does."""
    jobs = {job_of(entry.task) for entry in entries if entry.task not in states}
    return {task: state for job in jobs for task, state in shown(job).items()} | dict(states)


def _has_ended(entry: Submitted, states: Mapping[str, TaskState]) -> bool:
    found = _own(entry, states)
    return found is None or found.is_over
