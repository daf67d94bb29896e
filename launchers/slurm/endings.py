"""Why a task ended: its state, its exit code, its log, its journal and accounting, whichever of them tells."""

import re

from launchers.plan_launcher import Ended
from launchers.slurm.commands import ClusterUnavailable, Refused, run
from launchers.slurm.queue import TaskState
from launchers.slurm.submission import SETUP
from sweep.plan.packs import Pack
from sweep.results.events import Stopped
from sweep.results.journal import JournalReader
from sweep.worker.causes import CANCELLED, CRASHED, KILLED, NODE_LOST, OUT_OF_MEMORY, PREEMPTED, TIMED_OUT
from sweep.worker.crashes import crash_signal, signal_name

_CAUSES = {  # by state; of the others, killed
    "CANCELLED": CANCELLED,
    "TIMEOUT": TIMED_OUT,
    "DEADLINE": TIMED_OUT,
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    "NODE_FAIL": NODE_LOST,
    "BOOT_FAIL": NODE_LOST,
    "PREEMPTED": PREEMPTED,
}
_OOM_MARKS = ("oom-kill", "oom_kill", "memory limit", "Out Of Memory")
_LOG_TAIL_BYTES = 20_000
_BEGAN = "submitit INFO"  # in the log once the worker runs
_UNTOLD = ("", "None", "(null)", "N/A", "0:0")  # where SLURM has nothing to say


def ended(pack: Pack, task: str, found: TaskState | None) -> Ended:
    """Returns how the worker of `pack` ended, whose `task` SLURM last showed as `found`; None: it knows it no more."""
    log = pack.sweep.log(task)
    tail = log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace") if log.is_file() else ""
    cause = _cause(pack, task, found, tail)
    signal = (crash_signal(log) or _crash_of(task, found)) if cause == KILLED else ""
    cause = CRASHED if signal else cause
    return Ended(pack, cause, log, signal, task, _detail(found), advice(cause, tail))


def _cause(pack: Pack, task: str, found: TaskState | None, log_tail: str) -> str:
    cause = _CAUSES.get(found.state, KILLED) if found else KILLED
    if cause != KILLED:
        return cause
    if any(mark in log_tail for mark in _OOM_MARKS) or _was_out_of_memory(task):
        return OUT_OF_MEMORY
    events = JournalReader(pack.journal).new_events()
    return TIMED_OUT if events and isinstance(events[-1], Stopped) else KILLED


def _detail(found: TaskState | None) -> str:
    """SLURM's own words: the state, its reason, the exit code and the nodes."""
    if found is None:
        return "SLURM does not know it any more"
    told = (("", found.reason), ("exit code ", found.exit_code), ("on ", found.nodes))
    return ", ".join([found.state, *(f"{name}{value}" for name, value in told if value not in _UNTOLD)])


def advice(cause: str, log_tail: str) -> str:
    """Says what to change so that the next task does not end for `cause` before its first run."""
    if cause == OUT_OF_MEMORY:
        return "Give tasks more memory: hydra.launcher.mem_gb, in GB (left out, a task has the cluster's default)."
    if cause == TIMED_OUT:
        return "Give tasks more time: hydra.launcher.time_min."
    setup = [line for line in log_tail.splitlines() if line.startswith(SETUP)]
    if setup and _BEGAN not in log_tail:
        return f"The setup ended it ({setup[-1].removeprefix(SETUP).strip()}): correct hydra.launcher.setup."
    return (
        "Correct what the log tells. Software that a node lacks is loaded in hydra.launcher.setup; a node that is "
        "broken is left out with hydra.launcher.exclude."
    )


def _was_out_of_memory(task: str) -> bool:
    """Whether accounting says so; only the row of a step does, the job's says FAILED."""
    return "OUT_OF_MEMORY" in _accounting(task, "State")


def _crash_of(task: str, found: TaskState | None) -> str:
    """The signal by which a task crashed, by its name; empty where it did not, or SLURM does not know."""
    codes = found.exit_code if found and found.exit_code else _accounting(task, "ExitCode,DerivedExitCode")
    return _crash_in(codes)


def _accounting(task: str, columns: str) -> str:
    """What sacct has; nothing where there is no accounting."""
    try:
        return run("sacct", "--duplicates", "--noheader", "--parsable2", f"--jobs={task}", f"--format={columns}")
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return ""


def _crash_in(listed: str) -> str:
    """`listed` holds exit codes as CODE:SIGNAL; the code of a shell is 128 + the signal of its command."""
    names = (signal_name(int(number) or int(code) - 128) for code, number in re.findall(r"\b(\d+):(\d+)\b", listed))
    return next(filter(None, names), "")
