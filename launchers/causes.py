"""Why a worker ended before its runs did, and how often each cause is tried again."""

from sweep.settings import Settings

KILLED = "killed"  # by a signal, or crashed
TIMED_OUT = "timed out"
PREEMPTED = "preempted"
NODE_LOST = "node lost"
OUT_OF_MEMORY = "out of memory"
CANCELLED = "cancelled"  # by a person: never tried again by itself


def limit_of(cause: str, settings: Settings) -> int:
    """How often a run's worker may end for `cause` before the run counts as failed."""
    return {
        KILLED: settings.max_attempts,
        TIMED_OUT: settings.max_timeouts,
        PREEMPTED: settings.max_preemptions,
        NODE_LOST: settings.max_node_losses,
        OUT_OF_MEMORY: settings.max_out_of_memory,
    }[cause]
