"""SLURM's commands, each with a time limit, and what their errors mean."""

import os
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass

from sweep.worker.crashes import signal_name

TIMEOUT_S = 60.0
PING_TIMEOUT_S = 3.0  # a person waits for it, and other commands give up only after 9 s (measured)
# slurmctld is busy, restarting or frozen: what was asked may or may not have been done.
_UNAVAILABLE = re.compile(
    r"Socket timed out|Unable to contact slurm controller|Connection refused|Zero Bytes were transmitted|"
    r"Unexpected message received|Transport endpoint|slurm_persist_conn|Slurm backup controller",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"MaxSubmit|Job violates accounting/QOS policy|temporarily unable to accept|Resource temporarily unavailable|"
    r"MaxJobCount|Slurm temporarily",
    re.IGNORECASE,
)
_IS_UP = re.compile(r"\bUP\b")  # Slurmctld(primary) at HOST is UP; one of several is enough


class ClusterUnavailable(Exception):
    """SLURM does not answer; try later."""


class SubmitLimit(Exception):
    """The queue takes no more tasks now."""


class Refused(Exception):
    """SLURM will never accept this; the message is its own."""


def error_of(message: str) -> Exception:
    """Returns the error that a `message` of a SLURM command means, to be raised."""
    for pattern, kind in ((_UNAVAILABLE, ClusterUnavailable), (_LIMIT, SubmitLimit)):
        if pattern.search(message):
            return kind(message.strip())
    return Refused(message.strip())


def clean_environment() -> dict[str, str]:
    """Returns the environment without the SLURM_ and SBATCH_ variables of a job that we may be in.

    SLURM's commands would obey them.
    """
    settings = ("SLURM_", "SBATCH_")
    return {name: value for name, value in os.environ.items() if not name.startswith(settings) or name == "SLURM_CONF"}


def run(*command: str) -> str:
    """Standard output of a command; raises one of the errors above."""
    done = _done(*command, timeout_s=TIMEOUT_S)
    if done.returncode != 0:
        raise error_of(done.stderr or f"{command[0]} exited with {done.returncode}")
    return done.stdout


def _done(*command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, env=clean_environment(), capture_output=True, text=True, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise ClusterUnavailable(f"{command[0]} did not answer within {timeout_s:g} s") from error


def silence() -> str:
    """Says why no controller answers, in one line; empty where one does."""
    try:
        done = _done("scontrol", "ping", timeout_s=PING_TIMEOUT_S)
    except (ClusterUnavailable, OSError) as error:
        return str(error)
    if _IS_UP.search(done.stdout):
        return ""
    lines = done.stdout.splitlines()[:1] or done.stderr.splitlines()[-1:]
    return lines[0] if lines else f"scontrol ping exited with {done.returncode}"


@dataclass(frozen=True)
class TaskState:
    """One task of an array as squeue shows it."""

    state: str  # PENDING, RUNNING, ...
    reason: str


def queue(names: Iterable[str]) -> dict[tuple[str, str], TaskState]:
    """Tasks of the jobs of these names by (job name, task id), ended ones too while SLURM remembers them.

    A task is known by its name and id: after a crash, slurmctld may give an id a second time.
    """
    listed = run(
        "squeue", "--noheader", "--array", "--states=all", f"--name={','.join(names)}", "--format=%j|%i|%T|%r"
    )  # fmt: skip
    rows = (line.split("|", 3) for line in listed.splitlines() if line.count("|") >= 3)
    return {(name, task): TaskState(state, reason) for name, task, state, reason in rows}


def cancel(names: Iterable[str]) -> None:
    for name in names:
        run("scancel", f"--name={name}")


def requeue(task: str) -> None:
    """Has SLURM end the task with this id and put it back into the queue."""
    run("scontrol", "requeue", task)


def max_array_size() -> int:
    """Returns how many tasks one array may have: SLURM's MaxArraySize caps the index, which counts from 0."""
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", run("scontrol", "show", "config"), re.MULTILINE)
    return int(found.group(1)) if found else 1001


def max_submit(account: str | None) -> int | None:
    """Returns the user's MaxSubmitJobs, where there is accounting and it is set."""
    user = os.environ.get("USER") or str(os.getuid())
    where = [f"user={user}", *([f"account={account}"] if account else [])]
    try:
        listed = run("sacctmgr", "--noheader", "--parsable2", "show", "assoc", *where, "format=MaxSubmitJobs")
    except (Refused, ClusterUnavailable, FileNotFoundError):
        return None
    limits = [int(line) for line in listed.split() if line.isdigit()]
    return min(limits, default=None)


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
