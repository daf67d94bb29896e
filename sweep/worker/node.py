"""What a worker knows of SLURM: its task's id, and how to have it started again."""

import os
import subprocess
from pathlib import Path

from sweep.plan.packs import Pack
from sweep.results.events import Requeued
from sweep.results.journal import JournalReader, record
from sweep.worker.causes import PREEMPTED, TIMED_OUT, limit_of

REQUEUE_TIMEOUT_S = 60
EARLY_S = 90.0  # SLURM may send the warning a minute before it is due


def in_job() -> bool:
    return "SLURM_JOB_ID" in os.environ


def job_id() -> str:
    """Of this task as scontrol wants it, `<array>_<index>` in an array; empty outside SLURM."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ.get("SLURM_JOB_ID", "")


def requeue(pack: Pack, journal: Path, running_s: float) -> None:
    """Puts this task back into the queue, after a warning that SLURM is about to end it.

    SLURM itself requeues preempted tasks but not those that reach their time limit, and one signal announces
    both. A task that was requeued for one cause as often as allowed is left to end.
    """
    limit_s = pack.time_limit_s
    cause = TIMED_OUT if limit_s and running_s > limit_s - pack.warning_s - EARLY_S else PREEMPTED
    before = sum(isinstance(e, Requeued) and e.cause == cause for e in JournalReader(journal).new_events())
    if before >= limit_of(cause, pack.settings):
        print(f"{cause} {before} times before: not requeued", flush=True)
        return
    record(journal, Requeued(pack.tasks[0].task_id, cause))
    done = subprocess.run(
        ["scontrol", "requeue", job_id()], capture_output=True, text=True, timeout=REQUEUE_TIMEOUT_S
    )  # fmt: skip
    print(f"{cause}: requeue of {job_id()} {'asked for' if done.returncode == 0 else done.stderr.strip()}", flush=True)
