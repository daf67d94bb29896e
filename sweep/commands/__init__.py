"""From a command line to a plan.

An error of the user's is shown without a trace, also one that comes while modules are imported: parts from outside are
found then. So commands import this room before what knows parts.
"""

import sys
from types import TracebackType

from sweep.config.checks import ConfigError

_with_trace = sys.excepthook


def _show(error_type: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if isinstance(error, ConfigError):
        print(f"error: {error}", file=sys.stderr)
    else:
        _with_trace(error_type, error, trace)


sys.excepthook = _show
