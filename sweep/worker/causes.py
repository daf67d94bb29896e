"""Why a worker ended before its runs did, and how often each cause is tried again."""

from sweep.config.settings import Settings

KILLED = "killed"  # from outside, by SIGKILL, or nobody knows why
CRASHED = "crashed"  # by a signal that its own code raised, such as SIGSEGV
TIMED_OUT = "timed out"
PREEMPTED = "preempted"
NODE_LOST = "node lost"
OUT_OF_MEMORY = "out of memory"
CANCELLED = "cancelled"  # by a person: never tried again by itself


def in_words(cause: str, signal: str = "") -> str:
    """Returns `cause` as messages have it, with the `signal` of a crash."""
    return f"{cause} by {signal}" if signal else cause


def limit_of(cause: str, settings: Settings) -> int:
    """Returns how often a task's worker may end for `cause` before the task counts as failed.

    Raises KeyError of `CANCELLED`, which is no fault.
    """
    return {
        KILLED: settings.max_attempts,
        CRASHED: settings.max_attempts,
        TIMED_OUT: settings.max_timeouts,
        PREEMPTED: settings.max_preemptions,
        NODE_LOST: settings.max_node_losses,
        OUT_OF_MEMORY: settings.max_out_of_memory,
    }[cause]
