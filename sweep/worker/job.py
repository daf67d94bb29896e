"""What a worker does: the tasks of its pack, one after another or as arrays, each ending in a row."""

import dataclasses
import datetime
import gc
import signal
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from sweep.plan.packs import Pack, Task
from sweep.results import provenance
from sweep.results.events import END_OF, End, Failed, Pruned, Started, Stopped
from sweep.results.journal import JournalReader, record
from sweep.worker.commit import CommittedRows, commit, commit_failure, job_id
from sweep.worker.environment import extend_search_path
from sweep.worker.imported_code import with_own_code
from sweep.worker.kinds import KINDS_OF_WORK
from sweep.worker.stops import PruneRequest, StopRequest
from sweep.worker.work import Outcome, Stop

FAILED_EXIT = 1


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
    worker.work()
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
        self._committed = CommittedRows(self._tasks, Path(pack.settings.results_dir))
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
        for tasks in KINDS_OF_WORK[left[0].work.kind].together(left, self.pack.settings):
            if self.stop():
                return
            self._work_on(self._end_with_rows(tasks))

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
                    commit(task, self.pack, result, started_at)
                    self._end(END_OF[result.status](task.task_id, result.seconds))
                del opened[task.task_id]  # not before its row is written: that can raise, too
            return
        except Exception as error:
            trace, last_line = traceback.format_exc(), traceback.format_exception_only(error)[-1].strip()
        print(trace, flush=True)
        left = self._end_with_rows(list(opened.values()))
        if len(left) == 1:
            commit_failure(left[0], self.pack, trace, started_at)
            self._end(Failed(left[0].task_id, last_line))
            return
        gc.collect()  # what the failed array held on the device
        for half in (left[: len(left) // 2], left[len(left) // 2 :]):
            self._work_on(half)

    def _start(self, task: Task) -> Task:
        attempt = task.attempt + self._starts[task.task_id]
        self._starts[task.task_id] += 1
        log = self.pack.sweep.log(job_id()).name
        record(self.journal, Started(task.task_id, attempt, log, *provenance.machine()))
        return dataclasses.replace(task, attempt=attempt)

    def _end(self, end: End) -> None:
        self._ended[end.task_id] = end
        record(self.journal, end)

    def _outcomes(self, tasks: Sequence[Task]) -> Iterator[Outcome]:
        """As tasks end; it is noted of one that was stopped or pruned."""
        kind = KINDS_OF_WORK[tasks[0].work.kind]
        prunes = {task.task_id: PruneRequest(self.pack.sweep.prune_request(task.task_id)) for task in tasks}
        for outcome in kind.work_on(tasks, self.pack, [self._stop_of(prune) for prune in prunes.values()]):
            if outcome.result is None:
                self._leave(outcome.task, is_pruned=prunes[outcome.task.task_id].made)
            yield outcome

    def _leave(self, task: Task, is_pruned: bool) -> None:
        if is_pruned:
            self._end(Pruned(task.task_id))
        else:
            record(self.journal, Stopped(task.task_id))

    def _stop_of(self, prune: PruneRequest) -> Stop:
        return (lambda: self.stop() or prune()) if self.pack.prunable else self.stop
