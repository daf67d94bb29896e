"""Tasks that ended before their first run: a fault of their environment, for which no run is to blame."""

from collections import Counter

from launchers.plan_launcher import Ended
from sweep.config.checks import ConfigError
from sweep.plan.packs import Task
from sweep.worker.causes import CRASHED, KILLED, OUT_OF_MEMORY, TIMED_OUT
from sweep.worker.crashes import end_of

CAUSES = (KILLED, CRASHED, OUT_OF_MEMORY, TIMED_OUT)  # the others say nothing of the environment


class EarlyEnds:
    """Counts how often tasks ended before their first run: in a row, and with the same runs.

    A node that is broken ends one task after another while others do well, so both are counted.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._in_a_row = 0
        self._of_runs: Counter[str] = Counter()

    def run_started(self, task_id: str) -> None:
        """Some worker has begun with this run: its environment is sound."""
        self._in_a_row = 0
        self._of_runs.pop(task_id, None)

    def count(self, left: tuple[Task, ...]) -> int:
        """Counts one more, of a task with the runs `left`; returns how often it has been by now."""
        self._in_a_row += 1
        self._of_runs[left[0].task_id] += 1
        return max(self._in_a_row, self._of_runs[left[0].task_id])

    def check(self, count: int, end: Ended) -> None:
        """Raises `ConfigError` where trying again is no use; `end` is the last of them."""
        if count >= self._limit:
            raise ConfigError(
                f"{count} tasks ended before their first run, so that the sweep stops; no run is to blame. The last: "
                f"{describe(end)}\n{end_of(end.log)}\n{end.advice}"
            )


def describe(end: Ended) -> str:
    """Says how a task ended: the cause, what the scheduler says, its id, and its log."""
    facts = [end.reason, *filter(None, [end.detail, end.job and f"job {end.job}"]), f"log: {end.log}"]
    return "; ".join(facts)
