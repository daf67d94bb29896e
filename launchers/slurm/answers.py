"""SLURM's last answer about the tasks of a results directory, shared by all who watch its sweeps."""

import dataclasses
import json
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from launchers.slurm.commands import TIMEOUT_S
from launchers.slurm.queue import TaskState, job_of, queue
from sweep.results.paths import ResultsDir

_WANTED_S = 3600.0  # a job that nobody asked for in this time is not asked for any more
_PATIENCE_S = TIMEOUT_S + 10.0  # whoever asks has an answer by then, or is dead


@dataclasses.dataclass(frozen=True)
class _Answer:
    wanted: dict[str, float]  # jobs, and when somebody last asked for each, in seconds since 1970
    states: dict[str, TaskState]

    def text(self) -> str:
        states = {task: dataclasses.asdict(state) for task, state in self.states.items()}
        return json.dumps({"wanted": self.wanted, "states": states})

    @staticmethod
    def read(text: str) -> "_Answer":
        values = json.loads(text)
        states = {
            task: TaskState(**{**state, "names": tuple(state["names"])}) for task, state in values["states"].items()
        }
        return _Answer(values["wanted"], states)


class SharedAnswer:
    """Asks squeue at most once in `max_age_s` for all who watch one results directory, and for each new job.

    Ages are by the clock of the file system, since those of two machines may differ. Where the directory cannot be
    written, everyone asks alone.
    """

    def __init__(self, results: ResultsDir, max_age_s: float) -> None:
        self._file, self._lock, self._max_age_s = results.queue, results.queue_lock, max_age_s
        self._blocked: tuple[float, float] | None = None  # the lock of another, and since when we see it

    def states(self, tasks: Iterable[str]) -> dict[str, TaskState]:
        """Returns what `queue` does, of an answer that may be `max_age_s` old; raises what its commands raise."""
        jobs = {job_of(task) for task in tasks}
        if not jobs:
            return {}
        try:
            with self._turn() as now:
                answer = self._read()
                if jobs <= answer.wanted.keys() and (now is None or now - self._asked_at() < self._max_age_s):
                    return answer.states
                return queue(jobs) if now is None else self._ask(jobs, answer, now)
        except OSError:
            return queue(jobs)

    def _ask(self, jobs: set[str], answer: _Answer, now: float) -> dict[str, TaskState]:
        wanted = {job: at for job, at in answer.wanted.items() if now - at < _WANTED_S} | dict.fromkeys(jobs, now)
        states = queue(wanted)
        beside = self._file.with_name(f"{self._file.name}.new")
        beside.write_text(_Answer(wanted, states).text())
        beside.replace(self._file)
        return states

    @contextmanager
    def _turn(self) -> Iterator[float | None]:
        """Gives the time at which it became our turn to ask; None while it is another's."""
        try:
            self._lock.touch(exist_ok=False)
        except FileExistsError:
            self._break_if_dead()
            yield None
            return
        try:
            yield self._lock.stat().st_mtime
        finally:
            self._lock.unlink(missing_ok=True)

    def _break_if_dead(self) -> None:
        made = self._lock.stat().st_mtime
        if self._blocked is None or self._blocked[0] != made:
            self._blocked = made, time.monotonic()
        elif time.monotonic() - self._blocked[1] > _PATIENCE_S:
            self._lock.unlink(missing_ok=True)

    def _asked_at(self) -> float:
        return self._file.stat().st_mtime

    def _read(self) -> _Answer:
        try:
            return _Answer.read(self._file.read_text())
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return _Answer({}, {})
