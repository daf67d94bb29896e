"""The signals that ask a worker to stop. They are kept from its first moment on: nothing that takes time is imported.

Until a handler stands, SIGUSR2 ends a process: the scheduler's warning would do what it warns of.
"""

import signal

ASKING = (signal.SIGTERM, signal.SIGUSR2)
_came: list[int] = []


def listen() -> None:
    """Has this process keep the signals that ask it to stop, instead of ending."""
    for number in ASKING:
        signal.signal(number, lambda number, frame: _came.append(number))


def take() -> int | None:
    """Returns the last signal that came since `listen`, and forgets it; None where none did."""
    last = _came[-1] if _came else None
    _came.clear()
    return last
