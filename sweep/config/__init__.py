"""What is asked for: one run, a grid of them, settings. Nothing here imports torch.

Parts from outside are found while modules are imported. So an error of the user's is shown without a trace from the
first import of this room on, whichever module of a command comes first.
"""

import sys
from types import TracebackType

from sweep.config.checks import ConfigError
from sweep.config.disk import full_disk

_with_trace = sys.excepthook


def _show(error_type: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if text := str(error) if isinstance(error, ConfigError) else full_disk(error):
        print(f"error: {text}", file=sys.stderr)
    else:
        _with_trace(error_type, error, trace)


sys.excepthook = _show
