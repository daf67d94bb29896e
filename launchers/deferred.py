"""The tasks of a launch that somebody else has: followed until they have a row, or nobody has them any more."""

import itertools
import math
import time
from collections.abc import Callable, Iterable

from launchers.elsewhere import held_elsewhere
from sweep.config.settings import Settings
from sweep.plan.packs import Task
from sweep.results.claims import Claims
from sweep.results.events import END_OF, End
from sweep.results.paths import SweepDir
from sweep.worker.commit import CommittedRows

LOOK_EVERY_S = 2.0  # at one task
LOOKS_PER_S = 50.0  # at all of them: each takes about six file operations
LOOK_AT_MOST = 50  # at a time
ASK_QUEUE_EVERY_S = 15.0


class Deferred:
    """Such tasks, each looked at every `LOOK_EVERY_S`, or less often where they are many."""

    def __init__(
        self, sweep_dir: SweepDir, settings: Settings, claims: Claims, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sweep_dir, self._settings, self._claims, self._clock = sweep_dir, settings, claims, clock
        self._tasks: dict[str, Task] = {}
        self._due: dict[str, float] = {}  # when to look at a task, the earliest first
        self._rows: CommittedRows | None = None
        self._unclaimed: set[str] = set()  # since queues were last asked
        self._asked = -math.inf

    def __len__(self) -> int:
        return len(self._tasks)

    def add(self, tasks: Iterable[Task]) -> None:
        new = {task.task_id: task for task in tasks}
        self._tasks |= new
        self._due |= dict.fromkeys(new, self._clock())
        self._rows = None

    def look(self) -> tuple[list[End], list[Task]]:
        """Returns how tasks ended that have a row now, and tasks that nobody has any more. Both leave here."""
        due = itertools.takewhile(lambda task_id: self._due[task_id] <= self._clock(), self._due)
        again = self._clock() + max(LOOK_EVERY_S, len(self._tasks) / LOOKS_PER_S)
        ended = []
        for task_id in list(itertools.islice(due, LOOK_AT_MOST)):
            del self._due[task_id]
            self._due[task_id] = again  # the last one
            if status := self._committed().status_of(self._tasks[task_id]):
                ended.append(END_OF[status](task_id))
            elif self._claims.clear(task_id) is None:
                self._unclaimed.add(task_id)
        for end in ended:
            self._forget(end.task_id)
        return ended, [self._forget(task_id) for task_id in self._free()]

    def _forget(self, task_id: str) -> Task:
        del self._due[task_id]
        return self._tasks.pop(task_id)

    def _committed(self) -> CommittedRows:
        if self._rows is None:
            self._rows = CommittedRows(list(self._tasks.values()), self._settings)
        return self._rows

    def _free(self) -> list[str]:
        """Of the unclaimed tasks those that no other sweep has in its queue either, whenever queues may be asked."""
        if not self._unclaimed or self._clock() - self._asked < ASK_QUEUE_EVERY_S:
            return []
        self._asked = self._clock()
        unclaimed, self._unclaimed = self._unclaimed & self._tasks.keys(), set()
        held = held_elsewhere(self._sweep_dir, unclaimed)
        return [task_id for task_id in unclaimed if task_id not in held]
