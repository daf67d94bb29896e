"""Locks on files, each of which ends with the process that holds it."""

import fcntl
import time
from pathlib import Path
from typing import IO

ATTEMPTS, PAUSE_S = 5, 0.05


def lock(stream: IO[str]) -> bool:
    """Locks an open file for this process; tells if that was done, or another process has it.

    It tries a few times: whoever asks `is_locked` has the lock for a moment.
    """
    for attempt in range(ATTEMPTS):
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            time.sleep(PAUSE_S if attempt < ATTEMPTS - 1 else 0)
        else:
            return True
    return False


def is_locked(file: Path) -> bool:
    """Tells if a process has locked `file`; on other hosts as far as the file system passes locks on."""
    try:
        with file.open() as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # there is no such file, or it is not ours to read
        return False
    return False
