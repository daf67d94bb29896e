"""How a sweep is doing, on a terminal as one line that moves, in a log file as a line now and then."""

import sys
import time
from collections import Counter
from collections.abc import Sequence

from launchers.journal import ENDED, EPOCH, PRUNED, STARTED
from launchers.packs import Task
from sweep.terminal import duration

LOG_EVERY_S = 15.0


class Tally:
    """Runs of a sweep by how they ended, and the time that is left."""

    def __init__(self, tasks: Sequence[Task], workers: int) -> None:
        self._cost_s = {task.run_id: task.expected_s for task in tasks}
        self._workers = workers
        self._started = time.monotonic()
        self.ended: dict[str, str] = {}  # run id: finished, diverged, failed or pruned
        self.errors: dict[str, str] = {}  # run id of a failed run: its error
        self._active: set[str] = set()

    def add(self, event: str, run_id: str, error: str = "") -> None:
        if event in ENDED:
            self.ended[run_id] = event
            self._active.discard(run_id)
            if event == "failed":
                self.errors[run_id] = error
        elif event in (STARTED, EPOCH):
            self._active.add(run_id)
        else:
            self._active.discard(run_id)

    def left_s(self) -> float:
        """Expected costs of what is left, at the pace of what has ended."""
        ended_s = sum(self._cost_s[run_id] for run_id in self.ended)
        left_s = sum(self._cost_s.values()) - ended_s
        pace = ended_s / (time.monotonic() - self._started) if ended_s else float(self._workers)
        return left_s / pace

    @property
    def left(self) -> int:
        return len(self._cost_s) - len(self.ended)

    def line(self) -> str:
        counts = Counter(self.ended.values())
        done = counts["finished"] + counts["diverged"]
        diverged = f" ({counts['diverged']} diverged)" if counts["diverged"] else ""
        pruned = f"{counts[PRUNED]} pruned, " if counts[PRUNED] else ""
        failed = f"{counts['failed']} failed"
        line = f"{done} of {len(self._cost_s)} runs done{diverged}, {pruned}{failed}, {self.left} left"
        return f"{line}, about {duration(self.left_s())}" if self.left else line


class Display:
    """Prints a tally where it is due."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._moves = sys.stdout.isatty()
        self._shown = ""
        self._shown_at = time.monotonic()

    def update(self) -> None:
        line = self._tally.line()
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
