"""One launch of a plan: packs go to an executor, their journals come back, what died is tried again."""

import dataclasses
import datetime
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from launchers import early
from launchers.plan_launcher import Ended, Listener, PackExecutor
from launchers.progress import Display, Tally
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.compaction import compact_all
from sweep.results.events import Died, End, EndedEarly, Event, Failed, Started
from sweep.results.journal import History, JournalReader, record
from sweep.results.paths import SweepDir
from sweep.worker.causes import CANCELLED, CRASHED, KILLED, OUT_OF_MEMORY, limit_of
from sweep.worker.commit import commit_failure
from sweep.worker.crashes import end_of
from sweep.worker.environment import search_path
from sweep.worker.packing import describe_split, split_for_workers

POLL_S = 0.2
LONGEST_PAUSE_S = 5.0
IDLE_PER_BUSY = 9.0  # of the time: a thousand journals on a shared file system are not asked five times a second
COMPACT_EVERY_RUNS = 1000


class Launch:
    """The packs of one launch, from the first to the last."""

    def __init__(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        sweep_dir: SweepDir,
        project: Path,
        workers: int,
        executor: PackExecutor,
        listener: Listener | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`sleep` waits between two looks at the executor, for the seconds that it is told."""
        self._settings, self._sweep_dir, self._project = settings, sweep_dir, project
        self._workers, self._executor, self._listener = workers, executor, listener
        self._sleep = sleep
        self._history = History(Path(settings.results_dir))
        self._early = early.EarlyEnds(settings.max_attempts)
        self._active: dict[str, _ActivePack] = {}
        self.tally = Tally(tasks, workers)
        self._display = Display(self.tally, executor.summary)
        self._compacted = 0  # runs that had ended at the last compaction
        self._name = f"{_now():%Y%m%dT%H%M%S}-{os.getpid()}"

    def submit(self, tasks: Sequence[Task]) -> None:
        """Packs `tasks` and hands them to the executor."""
        packs = split_for_workers(tasks, self._settings, self._workers)
        if text := describe_split(packs, self._settings):
            self._display.say(text)
        self._submit([self.make_pack(f"{self._name}-{number}", pack) for number, pack in enumerate(packs)])

    def attach(self, packs: Sequence[Pack]) -> None:
        """Takes over packs that an earlier launch submitted."""
        self._active |= {pack.pack_id: _ActivePack(pack) for pack in packs}

    def _submit(self, packs: list[Pack]) -> None:
        self.attach(packs)
        self._executor.submit(packs)

    def make_pack(self, pack_id: str, tasks: tuple[Task, ...]) -> Pack:
        return Pack(
            pack_id, tasks, str(self._sweep_dir.path), self._settings, prunable=self._listener is not None,
            project=str(self._project), search_path=search_path(),
        )  # fmt: skip

    def follow(self) -> Tally:
        """Waits until nothing is left, and shows how it goes. Raises KeyboardInterrupt on Ctrl-C and SIGTERM."""
        previous = signal.signal(signal.SIGTERM, _raise_interrupt)
        try:
            while self._active:
                started = time.monotonic()
                self._collect()
                pause_s = min(max(POLL_S, IDLE_PER_BUSY * (time.monotonic() - started)), LONGEST_PAUSE_S)
                self._display.update()
                self._stop_on_shared_error()
                self._compact_now_and_then()
                self._sleep(pause_s)
        except KeyboardInterrupt:
            self._executor.interrupt()
            self._display.say(self._executor.way_on())
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)
            self._display.end()
        return self.tally

    def _compact_now_and_then(self) -> None:
        """Keeps the number of files small while a large sweep runs."""
        if len(self.tally.ended) - self._compacted >= COMPACT_EVERY_RUNS:
            self._compacted = len(self.tally.ended)
            compact_all(Path(self._settings.results_dir))

    def _collect(self) -> None:
        self._executor.advance()
        ended = self._executor.ended()  # found before the journals are read, which are then complete
        for active in list(self._active.values()):
            self._read(active)
        for end in ended:
            if end.pack.pack_id in self._active:  # else all of its runs had ended, and its worker a moment later
                self._replace(self._active[end.pack.pack_id], end)
                self._finish(self._active[end.pack.pack_id])

    def _read(self, active: "_ActivePack") -> None:
        for event in active.journal.new_events():
            active.note(event)
            if isinstance(event, Started):
                self._early.run_started(event.task_id)
            self.tally.add(event)
            if self._listener is not None:
                self._listener(event)
        if not active.left:
            self._finish(active)

    def _finish(self, active: "_ActivePack") -> None:
        if self._active.pop(active.pack.pack_id, None) is not None:
            self._executor.finish(active.pack)

    def _replace(self, active: "_ActivePack", end: Ended) -> None:
        """Submits again what a dead worker left, unless its cause has been tried often enough.

        Nobody knows at which of an array's runs it was killed, or crashed: halves find out, and only a lone run counts
        a death.
        """
        left = active.left
        if end.cause == CANCELLED:
            self._display.say(f"{len(left)} runs were cancelled with their task; log: {end.log}")
            self.tally.give_up(task.task_id for task in left)
            return
        if active.worker is None and end.cause in early.CAUSES:
            self._begin_again(active, end)
            return
        at_work = [task for task in left if active.has_started(task)]
        if len(at_work) > 1 and end.cause in (KILLED, CRASHED, OUT_OF_MEMORY):
            self._display.say(
                f"a worker ended in an array of {len(at_work)}: {_reason(active, end)}; in halves now; log: {end.log}"
            )
            self._submit_parts(active, (left[: len(left) // 2], left[len(left) // 2 :]))
            return
        culprit = left[0]  # tasks run in order: it was at this one, or died before it
        self._history.deaths[culprit.task_id, end.cause] += 1
        deaths, limit = self._history.deaths[culprit.task_id, end.cause], limit_of(end.cause, self._settings)
        record(active.pack.journal, Died(culprit.task_id, end.cause, end.signal))
        count = f"{deaths} of at most {limit} times"
        reason = _reason(active, end)
        self._display.say(f"a worker ended at run {culprit.run_id[:12]}: {reason}, {count}; log: {end.log}")
        if deaths >= limit:
            self._give_up(culprit, active, end)
            left = left[1:]
        self._submit_parts(active, (left[:1], left[1:]) if end.cause == OUT_OF_MEMORY else (left,))

    def _begin_again(self, active: "_ActivePack", end: Ended) -> None:
        """Submits again a pack whose worker ended before its first run; raises `ConfigError` where that is no use."""
        left = active.left
        facts = (end.reason, end.detail, end.job, str(end.log))
        record(active.pack.journal, EndedEarly(left[0].task_id, *facts))
        count = self._early.count(left)
        try:
            self._early.check(count, end)
        except ConfigError:
            self._finish(active)
            self._executor.stop()
            raise
        self._display.say(f"a task ended before its first run, and is submitted again: {early.describe(end)}")
        self._submit_parts(active, (left,))

    def _submit_parts(self, active: "_ActivePack", parts: Sequence[tuple[Task, ...]]) -> None:
        again = [
            tuple(dataclasses.replace(task, attempt=task.attempt + active.starts(task)) for task in part)
            for part in parts
        ]
        self._submit([self.make_pack(f"{active.pack.pack_id}r{i}", part) for i, part in enumerate(again) if part])

    def _give_up(self, task: Task, active: "_ActivePack", end: Ended) -> None:
        error = f"the worker ended {limit_of(end.cause, self._settings)} times at this run: {_reason(active, end)}"
        trace = f"{error}; end of {end.log} at run {task.run_id[:12]}:\n{end_of(end.log)}"
        commit_failure(task, active.pack, trace, _now(), active.worker)
        failed = Failed(task.task_id, error, end.cause)
        record(active.pack.journal, failed)
        self.tally.add(failed)

    def _stop_on_shared_error(self) -> None:
        """Stops a sweep whose first runs all failed with one error: the others would too."""
        ended, errors = self.tally.ended, self.tally.errors
        shared = len(set(errors.values())) == 1 and len(errors) == len(ended)
        if shared and len(errors) >= self._settings.stop_after_same_error and self.tally.left:
            self._executor.stop()
            raise ConfigError(f"the first {len(errors)} runs all failed with: {next(iter(errors.values()))}")


class _ActivePack:
    """A pack that somebody works at, as far as its journal tells."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.journal = JournalReader(pack.journal)
        self._left = {task.task_id: task for task in pack.tasks}
        self._starts: Counter[str] = Counter()
        self.worker: Started | None = None  # its last start of a run

    def note(self, event: Event) -> None:
        match event:
            case Started():
                self._starts[event.task_id] += 1
                self.worker = event
            case End():
                self._left.pop(event.task_id, None)

    @property
    def left(self) -> tuple[Task, ...]:
        return tuple(self._left.values())

    def has_started(self, task: Task) -> bool:
        return task.task_id in self._starts

    def starts(self, task: Task) -> int:
        return self._starts[task.task_id]


def _reason(active: _ActivePack, end: Ended) -> str:
    """Why a worker ended; of a crash also on what, since another CPU or version may not crash."""
    if end.cause != CRASHED:
        return end.reason
    worker = active.worker
    if worker is None or worker.cpu is None:
        return f"{end.reason} on a CPU that it had not recorded"
    versions = f"torch {worker.torch_version}, qsweep {worker.qsweep_version}"
    return f"{end.reason} on {worker.cpu} ({worker.cpu_capability}) with {versions}"


def _raise_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
