"""What makes a worker stop before its runs end."""

import math
import os
import signal
import time
from pathlib import Path

from sweep.results.paths import SweepDir
from sweep.worker import signals

LAUNCHER_CHECK_S = PRUNE_CHECK_S = 1.0


class StopRequest:
    """True once the worker was asked to stop, or its launcher on the same machine is gone.

    `signal` is what asked: SIGTERM (stop for good, or preempted), SIGUSR2 (the scheduler is about to end the task).
    """

    def __init__(self, launcher_pid: int | None) -> None:
        self._launcher_pid = launcher_pid
        self._checked = time.monotonic()
        self.signal = signals.take()
        for number in signals.ASKING:
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.signal = number

    def __call__(self) -> bool:
        now = time.monotonic()
        if self.signal is None and self._launcher_pid and now - self._checked > LAUNCHER_CHECK_S:
            self._checked = now
            if not _is_alive(self._launcher_pid):
                self.signal = signal.SIGTERM
        return self.signal is not None


class PruneRequest:
    """True once a search asked for a run to be stopped early, by a file that any worker of a cluster can see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = -math.inf
        self.made = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self.made and now - self._checked > PRUNE_CHECK_S:
            self._checked = now
            self.made = self._path.exists()
        return self.made


def request_prune(sweep_dir: SweepDir, run_id: str) -> None:
    """Has the worker that trains `run_id` in this sweep save a checkpoint and go on to its next run."""
    path = sweep_dir.prune_request(run_id)
    path.parent.mkdir(exist_ok=True)
    path.touch()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # a zombie is gone too
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
