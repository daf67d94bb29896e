"""What is shown to a person."""

import io

from rich.console import Console
from rich.table import Table


def duration(seconds: float) -> str:
    """In the unit that fits: 0.8 s, 45 s, 12 min, 3.4 h, 12 d."""
    for limit_s, unit_s, unit in ((100, 1, "s"), (100 * 60, 60, "min"), (72 * 3600, 3600, "h")):
        if seconds < limit_s:
            return f"{seconds / unit_s:.{int(seconds / unit_s < 9.95)}f} {unit}"
    return f"{seconds / 86400:.0f} d"


def render(table: Table) -> str:
    """The table as plain text, as wide as it needs to be: a log file has no width."""
    stream = io.StringIO()
    Console(file=stream, width=300).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
