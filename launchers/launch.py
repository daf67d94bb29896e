"""One launch of a plan: packs go to an executor, their journals come back, what died is tried again."""

import dataclasses
import datetime
import itertools
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from launchers import early
from launchers.deferred import Deferred
from launchers.plan_launcher import Ended, Listener, PackExecutor
from launchers.progress import Display, Tally
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.claims import Claims
from sweep.results.compaction import compact_all
from sweep.results.events import Died, Elsewhere, End, EndedEarly, Event, Failed, Started
from sweep.results.journal import History, JournalReader, record
from sweep.results.paths import SweepDir
from sweep.worker.causes import CANCELLED, CRASHED, KILLED, OUT_OF_MEMORY, limit_of
from sweep.worker.commit import CommittedRows, commit_failure
from sweep.worker.crashes import end_of, full_disk_of
from sweep.worker.environment import search_path
from sweep.worker.packing import describe_split, split_for_workers

POLL_S = 0.2
LONGEST_PAUSE_S = 5.0
IDLE_PER_BUSY = 9.0  # of the time: a thousand journals on a shared file system are not asked five times a second
IDLE_PER_CPU = 99.0  # likewise of CPU time: watching takes 1 % of a core of a login node (benchmarks/watching.py)
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
        elsewhere: Sequence[Task] = (),
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`elsewhere`: tasks that other sweeps have in hand, and that this launch does where those do not.

        `sleep` waits between two looks at the executor, for the seconds that it is told.
        """
        self._settings, self._sweep_dir, self._project = settings, sweep_dir, project
        self._workers, self._executor, self._listener = workers, executor, listener
        self._sleep = sleep
        self._history = History(Path(settings.results_dir))
        self._early = early.EarlyEnds(settings.max_attempts)
        self._active: dict[str, _ActivePack] = {}
        self._claims = Claims(sweep_dir.results, settings.claim_timeout_s, sweep_dir.sweep_id)
        self._deferred = Deferred(sweep_dir, settings, self._claims)
        self._deferred.add(elsewhere)
        self._doomed: dict[str, tuple[_ActivePack, Ended]] = {}  # tasks to give up once nobody has them
        self.tally = Tally([*tasks, *elsewhere], workers)
        self._display = Display(self.tally, self._doing)
        self._compacted = 0  # runs that had ended at the last compaction
        self._name = f"{_now():%Y%m%dT%H%M%S}-{os.getpid()}"
        self._numbers = itertools.count()  # of packs

    def submit(self, tasks: Sequence[Task]) -> None:
        """Packs `tasks` and hands them to the executor."""
        packs = split_for_workers(tasks, self._settings, self._workers)
        if text := describe_split(packs, self._settings):
            self._display.say(text)
        self._submit([self.make_pack(f"{self._name}-{next(self._numbers)}", pack) for pack in packs])

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
            with self._claims:
                self._claims.clear_up()
                self._follow()
        except KeyboardInterrupt:
            self._executor.interrupt()
            self._display.say(self._executor.way_on())
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)
            self._display.end()
        return self.tally

    def _follow(self) -> None:
        while self._active or self._deferred:
            pause = Pause()
            self._collect()
            self._display.update()
            self._stop_on_shared_error()
            self._compact_now_and_then()
            self._sleep(pause.seconds())

    def _doing(self) -> str:
        others = f"{len(self._deferred)} elsewhere" if self._deferred else ""
        return ", ".join(filter(None, (self._executor.summary(), others)))

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
        self._look_at_deferred()

    def _look_at_deferred(self) -> None:
        """Counts what others have done, and does what they have left."""
        ended, free = self._deferred.look() if self._deferred else ([], [])
        for end in ended:
            self.tally.add(end)
        doomed = [task for task in free if task.task_id in self._doomed]
        for task in doomed:
            self._give_up(task, *self._doomed.pop(task.task_id))
        again = [task for task in free if task not in doomed]
        if again:
            self._display.say(f"{len(again)} runs that were left to others are free: submitted here")
            self.submit(again)

    def _read(self, active: "_ActivePack") -> None:
        for event in active.journal.new_events():
            active.note(event)
            if isinstance(event, Started):
                self._early.run_started(event.task_id)
            if isinstance(event, Elsewhere):
                self._deferred.add(task for task in active.pack.tasks if task.task_id == event.task_id)
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
        if full := full_disk_of(end.log):
            self._finish(active)
            self._executor.stop()
            raise ConfigError(full)
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
        culprit = (at_work or left)[0]  # tasks run in order: it was at this one, or died before it
        self._history.deaths[culprit.task_id, end.cause] += 1
        deaths, limit = self._history.deaths[culprit.task_id, end.cause], limit_of(end.cause, self._settings)
        record(active.pack.journal, Died(culprit.task_id, end.cause, end.signal))
        count = f"{deaths} of at most {limit} times"
        reason = _reason(active, end)
        self._display.say(f"a worker ended at run {culprit.run_id[:12]}: {reason}, {count}; log: {end.log}")
        others = tuple(task for task in left if task is not culprit)
        if deaths >= limit:
            self._give_up(culprit, active, end)
            left = others
        self._submit_parts(active, ((culprit,), others) if end.cause == OUT_OF_MEMORY and culprit in left else (left,))

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
        """Fails a task, unless somebody has it or its row: then it is looked at again later."""
        has_row = CommittedRows([task], self._settings).status_of(task) is not None
        if has_row or self._claims.take(task.task_id) is not None:
            self._doomed[task.task_id] = active, end
            self._deferred.add([task])
            return
        error = f"the worker ended {limit_of(end.cause, self._settings)} times at this run: {_reason(active, end)}"
        trace = f"{error}; end of {end.log} at run {task.run_id[:12]}:\n{end_of(end.log)}"
        commit_failure(task, active.pack, trace, _now(), active.worker)
        failed = Failed(task.task_id, error, end.cause)
        record(active.pack.journal, failed)
        self.tally.add(failed)
        self._claims.release(task.task_id)

    def _stop_on_shared_error(self) -> None:
        """Stops a sweep whose first runs all failed with one error: the others would too."""
        ended, errors = self.tally.ended, self.tally.errors
        shared = len(set(errors.values())) == 1 and len(errors) == len(ended)
        if shared and len(errors) >= self._settings.stop_after_same_error and self.tally.left:
            self._executor.stop()
            raise ConfigError(f"the first {len(errors)} runs all failed with: {next(iter(errors.values()))}")


class Pause:
    """The time to wait after one look, by how long that took."""

    def __init__(self) -> None:
        self._began, self._cpu_began = time.monotonic(), time.process_time()

    def seconds(self) -> float:
        busy_s, cpu_s = time.monotonic() - self._began, time.process_time() - self._cpu_began
        return min(max(POLL_S, IDLE_PER_BUSY * busy_s, IDLE_PER_CPU * cpu_s), LONGEST_PAUSE_S)


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
            case End() | Elsewhere():
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
