"""Workers that crashed, told from those that were killed by the last words of their logs.

Workers start with Python's fault handler on (`sweep.worker.environment`): at a fatal signal it writes the signal and
the Python stacks to the log, without allocating memory, and lets the signal end the process.
"""

import re
import signal
from collections.abc import Sequence
from pathlib import Path

from sweep.config.disk import FULL

SIGNALS = {
    "Segmentation fault": "SIGSEGV",
    "Aborted": "SIGABRT",
    "Bus error": "SIGBUS",
    "Illegal instruction": "SIGILL",
    "Floating-point exception": "SIGFPE",
    "Floating point exception": "SIGFPE",
}
LOG_LINES, CRASH_LINES = 20, 100
_FATAL = re.compile(r"Fatal Python error: (.+)")  # after what the worker had begun to print, perhaps
_OF_A_PROCESS = re.compile(r"process \d+ of \d+ was killed by (SIG\w+)")  # sweep.worker.processes ends so
_ALIVE = ("Traceback (most recent call last)", "submitit INFO")  # it raised since a child crashed, or started anew
_TAIL_BYTES = 100_000


def crash_signal(log: Path) -> str:
    """Returns the name of the signal by which the worker that wrote `log` crashed; empty where it did not crash."""
    for line in reversed(_tail(log)):
        found = _signal_of(line)
        if found or any(mark in line for mark in _ALIVE):
            return found
    return ""


def _signal_of(line: str) -> str:
    if fatal := _FATAL.search(line):  # what Python itself finds fatal ends in abort()
        return SIGNALS.get(fatal.group(1).strip(), "SIGABRT")
    process = _OF_A_PROCESS.search(line)
    return process.group(1) if process and process.group(1) in SIGNALS.values() else ""


def signal_name(number: int) -> str:
    """Returns the name of the signal `number` if that means a crash; empty for others, SIGKILL among them."""
    names = {member.value: member.name for member in signal.Signals}
    name = names.get(number, "")
    return name if name in SIGNALS.values() else ""


def end_of(log: Path) -> str:
    """Returns the last lines of `log`; of a crash, all from where the fault handler began."""
    lines = _tail(log)
    starts = [at for at, line in enumerate(lines) if _FATAL.search(line)] if crash_signal(log) else []
    return "\n".join(lines[starts[-1] :][:CRASH_LINES] if starts else lines[-LOG_LINES:])


def full_disk_of(log: Path) -> str:
    """Returns the line by which the worker that wrote `log` ended at a full disk; empty where it did not."""
    return next((line for line in reversed(_tail(log)[-LOG_LINES:]) if line.startswith(FULL)), "")


def _tail(log: Path) -> Sequence[str]:
    return log.read_bytes()[-_TAIL_BYTES:].decode(errors="replace").splitlines() if log.is_file() else []
