"""What a task in SLURM's queue does: its pack, and its way back into the queue where SLURM announces its end."""

import os
import time

from launchers.slurm import commands
from launchers.slurm.commands import ClusterUnavailable, Refused, SubmitLimit
from sweep.plan.packs import Pack
from sweep.results.events import Requeued
from sweep.results.journal import JournalReader, record
from sweep.worker.causes import PREEMPTED, TIMED_OUT, limit_of
from sweep.worker.environment import JOB_ID
from sweep.worker.job import work_on

EARLY_S = 90.0  # SLURM may send the warning a minute before it is due


def work_on_task(pack: Pack) -> None:
    """Does the tasks of `pack` in the job of SLURM that this process is in; exits as `work_on` does."""
    started = time.monotonic()
    os.environ[JOB_ID] = job_id()
    work_on(pack, when_warned=lambda: requeue(pack, running_s=time.monotonic() - started))


def job_id() -> str:
    """Returns the id of this task as scontrol wants it: `<array>_<index>` in an array."""
    array = os.environ.get("SLURM_ARRAY_JOB_ID")
    return f"{array}_{os.environ['SLURM_ARRAY_TASK_ID']}" if array else os.environ["SLURM_JOB_ID"]


def requeue(pack: Pack, running_s: float) -> None:
    """Puts this task back into the queue, after a warning that SLURM is about to end it.

    SLURM itself requeues preempted tasks but not those that reach their time limit, and one signal announces
    both. A task that was requeued for one cause as often as allowed is left to end.
    """
    cause = _cause(pack, running_s)
    events = JournalReader(pack.journal).new_events()
    before = sum(isinstance(event, Requeued) and event.cause == cause for event in events)
    if before >= limit_of(cause, pack.settings):
        print(f"{cause} {before} times before: not requeued", flush=True)
        return
    record(pack.journal, Requeued(pack.tasks[0].task_id, cause))
    try:
        commands.requeue(job_id())
        print(f"{cause}: requeue of {job_id()} asked for", flush=True)
    except (ClusterUnavailable, Refused, SubmitLimit) as error:
        print(f"{cause}: requeue of {job_id()} {error}", flush=True)


def _cause(pack: Pack, running_s: float) -> str:
    limit_s = pack.time_limit_s
    return TIMED_OUT if limit_s and running_s > limit_s - pack.warning_s - EARLY_S else PREEMPTED
