"""What is shown to a person."""

import io
import shlex
import sys
import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

LOG_EVERY_S = 15.0


def duration(seconds: float) -> str:
    """Returns `seconds` in the unit that fits: 0.8 s, 45 s, 12 min, 3.4 h, 12 d."""
    for limit_s, unit_s, unit in ((100, 1, "s"), (100 * 60, 60, "min"), (72 * 3600, 3600, "h")):
        if seconds < limit_s:
            return f"{seconds / unit_s:.{int(seconds / unit_s < 9.95)}f} {unit}"
    return f"{seconds / 86400:.0f} d"


def shell_command(module: str, *words: str, **keys: object) -> str:
    """Returns what a person types to run `module` with these words and `KEY=VALUE`, quoted for the shell.

    A key whose value is None or empty is left out.
    """
    values = [f"{key}={value}" for key, value in keys.items() if value not in (None, "")]
    return shlex.join(["python", "-m", module, *words, *values])


def render(table: Table) -> str:
    """The table as plain text, as wide as it needs to be: a log file has no width."""
    stream = io.StringIO()
    Console(file=stream, width=300).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())


class Bar:
    """Shows how much of something is done: a bar on a terminal, a line now and then in a log file."""

    def __init__(self, doing: str, total: int) -> None:
        columns = (TextColumn(doing), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, disable=not sys.stdout.isatty() or not total)
        self._task = self._bar.add_task(doing, total=total)
        self._doing, self._total, self._done = doing, total, 0
        self._shown_at = time.monotonic()

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def advance(self, count: int) -> None:
        self._done += count
        self._bar.advance(self._task, count)
        if self._bar.disable and time.monotonic() - self._shown_at >= LOG_EVERY_S:
            self._log()

    def _log(self) -> None:
        print(f"{time.strftime('%H:%M:%S')}  {self._doing}: {self._done:,} of {self._total:,}", flush=True)
        self._shown_at = time.monotonic()

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()
        if self._bar.disable and self._done:
            self._log()
