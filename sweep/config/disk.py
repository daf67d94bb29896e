"""A full disk: what it is told by, and what to do."""

import errno

FULL = "no space left"  # begins the line that says so, also in the log of a worker
_FULL = (errno.ENOSPC, errno.EDQUOT)


def full_disk(error: BaseException) -> str:
    """Returns one line that says what to do where `error` comes of a full disk or quota; empty of another error."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _FULL:
            place = f" for {cause.filename}" if cause.filename else ""
            return (
                f"{FULL}{place}: the disk or your quota is full. Free some, in results_dir perhaps cache/, or weights/ "
                f"and sweeps/ID/logs/ that are not needed; then the same command goes on where this one was"
            )
        cause = cause.__cause__ or cause.__context__
    return ""
