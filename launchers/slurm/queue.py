"""Tasks in SLURM's queue: what it says of them, and how they are ended. Always asked for by their ids."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from launchers.slurm.commands import Refused, run

# A task in one of these is over, unless SLURM requeues it: then it is in some of them for seconds.
OVER = frozenset((
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "DEADLINE", "OUT_OF_MEMORY", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED",
))  # fmt: skip
_NO_SUCH_JOB = re.compile(r"Invalid job id|already complet", re.IGNORECASE)
_FORMAT = "%i|%T|%N|%S|%e|%j|%k|%r"
_FIELD = re.compile(r"(?:^|\s)([\w/:]+)=(.*?)(?=\s[\w/:]+=|\s*$)")  # of `scontrol --oneliner`


@dataclass(frozen=True)
class TaskState:
    """One task as SLURM shows it."""

    state: str  # PENDING, RUNNING, ...
    reason: str = ""
    nodes: str = ""
    start: str = ""  # local time, in ISO format; of a pending task the expected one, or N/A
    end: str = ""  # likewise; of a running task, its time limit
    names: tuple[str, ...] = ()  # of the job, and its comment: the launcher gives both the same
    exit_code: str = ""  # CODE:SIGNAL, from scontrol only

    @property
    def is_over(self) -> bool:
        return self.state in OVER


def job_of(task: str) -> str:
    """Returns the id of the job, or of the array that the task is one of."""
    return task.partition("_")[0]


def queue(tasks: Iterable[str]) -> dict[str, TaskState]:
    """Returns every task of the jobs with these tasks, by its id; ended ones too while SLURM remembers them.

    Tasks of partitions that are hidden from their own user are shown, too. Those that are missing are not known to
    squeue; whether SLURM knows them is asked with `shown`.
    """
    jobs = sorted({job_of(task) for task in tasks}, key=int)
    if not jobs:
        return {}
    try:
        listed = run(
            "squeue", "--noheader", "--all", "--array", "--states=all", f"--jobs={','.join(jobs)}",
            f"--format={_FORMAT}",
        )  # fmt: skip
    except Refused as error:
        if _NO_SUCH_JOB.search(str(error)):
            return {}
        raise
    return dict(_listed(line) for line in listed.splitlines() if line.count("|") >= _FORMAT.count("|"))


def _listed(line: str) -> tuple[str, TaskState]:
    task, state, nodes, start, end, name, comment, reason = line.split("|", _FORMAT.count("|"))
    return task, TaskState(state, reason, nodes, start, end, (name, comment))


def shown(job: str) -> dict[str, TaskState]:
    """Returns what scontrol shows of the tasks of one job, with exit codes; nothing where SLURM knows no such job."""
    try:
        listed = run("scontrol", "--all", "--details", "--oneliner", "show", "job", job)
    except Refused as error:
        if _NO_SUCH_JOB.search(str(error)):
            return {}
        raise
    records = [dict(_FIELD.findall(line)) for line in listed.splitlines() if "JobState=" in line]
    return {task: _shown(record) for record in records for task in _tasks_of(record)}


def _tasks_of(record: Mapping[str, str]) -> list[str]:
    """Tasks that have not been looked at yet share one record: ArrayTaskId=3-5,9%2."""
    if "ArrayJobId" not in record:
        return [record["JobId"]]
    ranges = (part.split("-") for part in record["ArrayTaskId"].partition("%")[0].split(","))
    return [f"{record['ArrayJobId']}_{index}" for ends in ranges for index in range(int(ends[0]), int(ends[-1]) + 1)]


def _shown(record: Mapping[str, str]) -> TaskState:
    names = tuple(record[key] for key in ("JobName", "Comment") if key in record)
    state, reason, nodes, start, end = (
        record.get(key, "") for key in ("JobState", "Reason", "NodeList", "StartTime", "EndTime")
    )
    codes = (record.get(key, "0:0") for key in ("ExitCode", "DerivedExitCode"))  # of the batch script, of its steps
    return TaskState(state, reason, nodes, start, end, names, next((code for code in codes if code != "0:0"), "0:0"))


def find(name: str) -> list[str]:
    """Returns the tasks of the job of this name that are not over: a submission that was never confirmed has no id."""
    listed = run("squeue", "--noheader", "--all", "--array", "--states=all", f"--name={name}", "--format=%i|%T")
    rows = (line.partition("|") for line in listed.splitlines())
    return [task for task, _, state in rows if state not in OVER]


def cancel(tasks: Iterable[str]) -> None:
    """Has SLURM end these tasks; one that is over, or that it does not know, is no error."""
    chosen = in_ranges(tasks)
    if not chosen:
        return
    try:
        run("scancel", *chosen)
    except Refused as error:
        if not all(_NO_SUCH_JOB.search(line) for line in str(error).splitlines()):
            raise


def in_ranges(tasks: Iterable[str]) -> list[str]:
    """Returns as few words as name these tasks: 7_0, 7_1, 7_2 and 9 are 7_[0-2] and 9."""
    indices: defaultdict[str, set[int]] = defaultdict(set)
    for task in tasks:
        job, _, index = task.partition("_")
        indices[job] |= {int(index)} if index else set()
    return [f"{job}_[{_ranges(own)}]" if own else job for job, own in indices.items()]


def _ranges(numbers: set[int]) -> str:
    starts = sorted(n for n in numbers if n - 1 not in numbers)
    ends = sorted(n for n in numbers if n + 1 not in numbers)
    return ",".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(starts, ends, strict=True))
