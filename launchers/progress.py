"""How a sweep is doing, on a terminal as one line that moves, in a log file as a line now and then."""

import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sweep.plan.packs import Task
from sweep.results.events import Diverged, End, Event, Failed, Finished, Pruned
from sweep.terminal import LOG_EVERY_S, duration
from sweep.worker.causes import CANCELLED


class Tally:
    """Runs of a launch by how they ended, and the time that is left."""

    def __init__(self, tasks: Sequence[Task], workers: int) -> None:
        self._cost_s = {task.task_id: task.expected_s for task in tasks}
        self._workers = workers
        self._started = self._last_end = time.monotonic()
        self._trained_s = 0.0  # expected costs of the runs that were trained to their ends
        self.ended: dict[str, str] = {}  # run id: finished, diverged, failed, pruned or cancelled
        self.errors: dict[str, str] = {}  # run id of a failed run: its error

    def add(self, event: Event) -> None:
        """Events that are no end, and runs of other launches, are not counted."""
        if isinstance(event, End) and event.task_id in self._cost_s:
            if isinstance(event, Finished | Diverged) and event.task_id not in self.ended:
                self._trained_s += self._cost_s[event.task_id]
                self._last_end = max(time.monotonic(), self._started + 1e-3)
            self.ended[event.task_id] = event.label
            if isinstance(event, Failed):
                self.errors[event.task_id] = event.error

    def give_up(self, task_ids: Iterable[str]) -> None:
        """Runs that this launch does not wait for any more."""
        self.ended |= dict.fromkeys(task_ids, CANCELLED)

    def left_s(self) -> float:
        """Expected costs of what is left, at the pace at which runs were trained to their ends until the last did.

        It does not grow while nothing ends, and is 0 where that takes longer than expected.
        """
        left_s = sum(cost_s for task_id, cost_s in self._cost_s.items() if task_id not in self.ended)
        pace = self._trained_s / (self._last_end - self._started) if self._trained_s else float(self._workers)
        return max(0.0, left_s / pace - (time.monotonic() - self._last_end))

    @property
    def left(self) -> int:
        return len(self._cost_s) - len(self.ended)

    def line(self, doing: str = "") -> str:
        counts = Counter(self.ended.values())
        done = counts[Finished.label] + counts[Diverged.label]
        diverged = f" ({counts[Diverged.label]} diverged)" if counts[Diverged.label] else ""
        cancelled = f", {counts[CANCELLED]} cancelled" if counts[CANCELLED] else ""
        pruned = f", {counts[Pruned.label]} pruned" if counts[Pruned.label] else ""
        failed = f"{counts[Failed.label]} failed{cancelled}"
        line = f"{done} of {len(self._cost_s)} runs done{diverged}{pruned}, {failed}, {self.left} left"
        if not self.left:
            return line
        left_s = self.left_s()
        time_left = f"about {duration(left_s)}" if left_s else "longer than expected"
        return f"{line}{f' ({doing})' if doing else ''}, {time_left}"


class Display:
    """Prints a tally where it is due."""

    def __init__(self, tally: Tally, doing: Callable[[], str]) -> None:
        self._tally, self._doing = tally, doing
        self._moves = sys.stdout.isatty()
        self._shown = ""
        self._shown_at = time.monotonic()

    def update(self) -> None:
        line = self._tally.line(self._doing())
        if self._moves:
            print(f"\r\x1b[2K{line}", end="", flush=True)
        elif time.monotonic() - self._shown_at >= LOG_EVERY_S and line != self._shown:
            print(f"{time.strftime('%H:%M:%S')}  {line}", flush=True)
            self._shown, self._shown_at = line, time.monotonic()

    def say(self, text: str) -> None:
        """A lasting line of its own."""
        print(f"\r\x1b[2K{text}" if self._moves else text, flush=True)

    def end(self) -> None:
        self.say(self._tally.line())
