"""SLURM's commands, each with a time limit and in an environment of its own, and what their errors mean."""

import os
import re
import subprocess

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

# Variables by which a user's profile, or a job that we may be in, has SLURM's commands show, end or submit something
# else than they are asked for. Those that start so say which jobs are shown (SQUEUE_PARTITION hides the others) and
# ended (SCANCEL_STATE), in which form and of which cluster (SLURM_TIME_FORMAT, SACCT_FORMAT, SLURM_CLUSTERS), or are
# options of sbatch and srun (SBATCH_EXPORT, SRUN_CPUS_PER_TASK) and the job around us (SLURM_JOB_ID).
_OBEYED = ("SLURM_", "SBATCH_", "SRUN_", "SALLOC_", "SQUEUE_", "SCANCEL_", "SCONTROL_", "SACCT_", "SINFO_")
_NEEDED = ("SLURM_CONF", "SLURM_JWT")  # where the controller is, and the token that it lets a user in with


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
    """Returns ours without the variables that SLURM's commands would obey, but for those that they need."""
    return {name: value for name, value in os.environ.items() if name in _NEEDED or not name.startswith(_OBEYED)}


def run(*command: str) -> str:
    """Standard output of a command; raises one of the errors above."""
    done = _done(*command, timeout_s=TIMEOUT_S)
    if done.returncode != 0:
        raise error_of(done.stderr or f"{command[0]} exited with {done.returncode}")
    return done.stdout


def said(*command: str) -> str:
    """Returns what a command reports beside its output, on standard error; raises as `run` does."""
    done = _done(*command, timeout_s=TIMEOUT_S)
    if done.returncode != 0:
        raise error_of(done.stderr or f"{command[0]} exited with {done.returncode}")
    return done.stderr


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


def requeue(task: str) -> None:
    """Has SLURM end the task with this id and put it back into the queue."""
    run("scontrol", "requeue", task)
