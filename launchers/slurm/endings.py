"""Why a task ended, where neither its state nor its log tells."""

import re

from launchers.slurm.commands import ClusterUnavailable, Refused, SubmitLimit, run
from sweep.worker.crashes import signal_name


def was_out_of_memory(task: str) -> bool:
    """Tells if accounting says so of `task`; only the row of a step does, the job's says FAILED."""
    try:
        listed = run("sacct", "--duplicates", "--noheader", "--parsable2", f"--jobs={task}", "--format=State")
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return False
    return "OUT_OF_MEMORY" in listed


def crash_signal(task: str) -> str:
    """The signal by which a task that is over crashed, by its name; empty where it did not, or SLURM does not know."""
    for command in (
        ("scontrol", "--details", "show", "job", task),
        ("sacct", "--noheader", "--parsable2", f"--jobs={task}", "--format=ExitCode,DerivedExitCode"),
    ):
        try:
            return _crash_in(run(*command))
        except (Refused, ClusterUnavailable, SubmitLimit, FileNotFoundError):  # forgotten by slurmctld; no accounting
            continue
    return ""


def _crash_in(listed: str) -> str:
    """`listed` holds exit codes as CODE:SIGNAL; the code of a shell is 128 + the signal of its command."""
    found = re.findall(r"(?:^|[=|])(\d+):(\d+)\b", listed, re.MULTILINE)
    names = (signal_name(int(number) or int(code) - 128) for code, number in found)
    return next(filter(None, names), "")
