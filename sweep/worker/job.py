"""What a worker does: the tasks of its pack, one after another or as arrays, each ending in a row."""

import dataclasses
import datetime
import gc
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from sweep.config.disk import full_disk
from sweep.plan.packs import Pack, Task
from sweep.results import provenance
from sweep.results.claimant import Claimant
from sweep.results.claims import Claims
from sweep.results.events import END_OF, Elsewhere, End, Failed, Pruned, Started, Stopped
from sweep.results.journal import JournalReader, record
from sweep.worker.commit import CommittedRows, commit, commit_failure, job_id
from sweep.worker.environment import extend_search_path
from sweep.worker.imported_code import with_own_code
from sweep.worker.kinds import KINDS_OF_WORK
from sweep.worker.stops import PruneRequest, StopRequest
from sweep.worker.work import Outcome, Result, Stop

FAILED_EXIT = 1
LOOK_AGAIN_S = 1.0  # at a task that an earlier worker of the sweep had, which may be dead


def work_on(pack: Pack, when_warned: Callable[[], None] = lambda: None) -> None:
    """Does the tasks of `pack`; one that raises ends in a failed row, and does not end the pack.

    It may be started again from the beginning at any time: tasks that ended are passed over, those that were
    interrupted go on from their checkpoints. `when_warned` is called at the end of work that the scheduler's warning
    (SIGUSR2) cut short. Exits with 1 where a task failed.
    """
    import torch

    extend_search_path(pack.search_path)
    torch.set_num_threads(pack.settings.threads)
    worker = _PackInWork(pack)
    try:
        worker.work()
    except Exception as error:
        if text := full_disk(error):
            sys.exit(text)  # the launcher looks for it in the log: no run is to blame, and none can be saved
        raise
    if worker.stop.signal == signal.SIGUSR2 and not worker.is_done:
        when_warned()
    if worker.has_failed:
        sys.exit(FAILED_EXIT)


class _PackInWork:
    """A pack in work."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self._tasks = with_own_code(pack.tasks)
        self.journal = pack.journal
        before = JournalReader(self.journal).new_events()
        self._ended = {event.task_id: event for event in before if isinstance(event, End)}
        self._starts = Counter(event.task_id for event in before if isinstance(event, Started))
        self._committed = CommittedRows(self._tasks, pack.settings)
        self._claims = Claims(
            pack.results, pack.settings.claim_timeout_s, pack.sweep.sweep_id, pack.pack_id, job_id()
        )  # fmt: skip
        self._elsewhere: dict[str, tuple[Task, Claimant]] = {}
        self.stop = StopRequest(pack.launcher_pid)

    @property
    def is_done(self) -> bool:
        return all(task.task_id in self._ended for task in self.pack.tasks)

    @property
    def has_failed(self) -> bool:
        return any(isinstance(end, Failed) for end in self._ended.values())

    def work(self) -> None:
        left = [task for task in self._tasks if task.task_id not in self._ended]
        if not left:
            return
        with self._claims:
            self._do(left)
            self._look_again()
        if not self.stop():
            for task, holder in self._elsewhere.values():
                record(self.journal, Elsewhere(task.task_id, holder.in_words(), holder.sweep_id))

    def _do(self, tasks: Sequence[Task]) -> None:
        for group in KINDS_OF_WORK[tasks[0].work.kind].together(tasks, self.pack.settings):
            if self.stop():
                return
            self._work_on(self._claimed(group))

    def _claimed(self, tasks: Sequence[Task]) -> list[Task]:
        """Those of `tasks` that are this worker's now: without a row, and nobody else's."""
        holders = {task.task_id: self._claims.take(task.task_id) for task in tasks}
        mine = []
        for task in self._end_with_rows(tasks):  # looked for after the claim: nobody writes one from here on
            holder = holders[task.task_id]
            if holder is None:
                mine.append(task)
            else:
                self._elsewhere[task.task_id] = task, holder
        return mine

    def _look_again(self) -> None:
        """At what others had: once, and at what an earlier worker of this sweep had until it lives, or is dead."""
        first = {task_id: holder for task_id, (_, holder) in self._elsewhere.items()}
        left = [task for task, _ in self._elsewhere.values()]
        while left and not self.stop():
            for task in left:
                del self._elsewhere[task.task_id]
            self._do(left)
            left = [task for task, holder in self._elsewhere.values() if self._may_be_dead(holder, first)]
            if left:
                time.sleep(LOOK_AGAIN_S)

    def _may_be_dead(self, holder: Claimant, first: Mapping[str, Claimant]) -> bool:
        return holder.sweep_id == self.pack.sweep.sweep_id and holder in first.values()

    def _end_with_rows(self, tasks: Sequence[Task]) -> list[Task]:
        """Ends tasks whose rows a worker wrote that was killed before it could say so; returns the others."""
        left = []
        for task in tasks:
            status = self._committed.status_of(task)
            if status is None:
                left.append(task)
            else:
                self._end(END_OF[status](task.task_id))
        return left

    def _work_on(self, tasks: Sequence[Task]) -> None:
        """Together. Where that raises, what is left is tried again in halves; a task that raises alone has failed."""
        if not tasks:
            return
        opened = {task.task_id: task for task in tasks}
        started_at = datetime.datetime.now(datetime.UTC)
        try:
            for outcome in self._outcomes([self._start(task) for task in tasks]):
                task, result = outcome.task, outcome.result
                if result is not None:
                    self._commit(task, result, started_at)
                del opened[task.task_id]  # not before its row is written: that can raise, too
            return
        except Exception as error:
            if full_disk(error):
                raise
            trace, last_line = traceback.format_exc(), traceback.format_exception_only(error)[-1].strip()
        print(trace, flush=True)
        left = self._end_with_rows(list(opened.values()))
        if len(left) == 1:
            self._fail(left[0], trace, last_line, started_at)
            return
        gc.collect()  # what the failed array held on the device
        for half in (left[: len(left) // 2], left[len(left) // 2 :]):
            self._work_on(half)

    def _commit(self, task: Task, result: Result, started_at: datetime.datetime) -> None:
        if not self._claims.seal(task.task_id):
            self._drop(task)
            return
        commit(task, self.pack, result, started_at)
        self._end(END_OF[result.status](task.task_id, result.seconds))

    def _fail(self, task: Task, trace: str, error: str, started_at: datetime.datetime) -> None:
        if not self._claims.seal(task.task_id):
            self._drop(task)
            return
        commit_failure(task, self.pack, trace, started_at)
        self._end(Failed(task.task_id, error))

    def _drop(self, task: Task) -> None:
        """What this worker made of `task`: while it was suspended, somebody else took the task for abandoned."""
        holder = self._claims.holder_of(task.task_id)
        print(f"run {task.run_id[:12]}: dropped, {holder.in_words()} took it over while this worker slept", flush=True)
        self._claims.release(task.task_id)
        self._elsewhere[task.task_id] = task, holder

    def _start(self, task: Task) -> Task:
        attempt = task.attempt + self._starts[task.task_id]
        self._starts[task.task_id] += 1
        log = self.pack.sweep.log(job_id()).name
        record(self.journal, Started(task.task_id, attempt, log, *provenance.machine()))
        return dataclasses.replace(task, attempt=attempt)

    def _end(self, end: End) -> None:
        self._ended[end.task_id] = end
        record(self.journal, end)
        self._claims.release(end.task_id, committed=isinstance(end, tuple(END_OF.values())))

    def _outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As tasks end; it is noted of one that was stopped or pruned."""
        kind = KINDS_OF_WORK[tasks[0].work.kind]
        prunes = {task.task_id: PruneRequest(self.pack.sweep.prune_request(task.task_id)) for task in tasks}
        for outcome in kind.work_on(tasks, self.pack, [self._stop_of(*each) for each in prunes.items()]):
            if outcome.result is None:
                self._leave(outcome.task, is_pruned=prunes[outcome.task.task_id].made)
            yield outcome

    def _leave(self, task: Task, is_pruned: bool) -> None:
        if self._claims.has_lost(task.task_id):
            self._drop(task)
        elif is_pruned:
            self._end(Pruned(task.task_id))
        else:
            record(self.journal, Stopped(task.task_id))

    def _stop_of(self, task_id: str, prune: PruneRequest) -> Stop:
        def stop() -> bool:
            return self.stop() or self._claims.has_lost(task_id)

        return (lambda: stop() or prune()) if self.pack.prunable else stop
