"""What a worker leaves of a task: its row, its curve, its checkpoint."""

import datetime
import os
from pathlib import Path
from typing import Any

from sweep.plan.packs import Pack, Task
from sweep.results import provenance, rows
from sweep.results.events import Started
from sweep.worker import node as slurm_node
from sweep.worker.kinds import KINDS_OF_WORK
from sweep.worker.work import Result

WORKER = ("host", "cpu_capability", "torch_version", "qsweep_version")  # columns that a started task says of its worker


def job_id() -> str:
    """Of the scheduler, empty where there is none."""
    return slurm_node.job_id() or os.environ.get("SUBMITIT_LOCAL_JOB_ID", "")


def committed_status(task: Task, results_dir: Path) -> str | None:
    """Of a task that a worker finished just before it was killed: finished or diverged."""
    store = rows.STORES[task.work.kind](results_dir)
    shard = store.shard(task.task_id)
    table = store.read_shard(shard) if shard.exists() else None
    if not table:
        return None
    row = table.to_pylist()[0]
    done = row["status"] in rows.FINAL and row["code"] == task.code
    return row["status"] if done else None


def commit(task: Task, pack: Pack, result: Result, started_at: datetime.datetime) -> None:
    """The curve first: where there is a row, there is its curve. The checkpoint goes when both are there."""
    results_dir = Path(pack.settings.results_dir)
    row = {**_columns(task, pack, started_at), **result.columns}
    if result.curve:
        stamp = {"attempt": task.attempt, "ended_at": row["ended_at"]}
        rows.curves_store(results_dir).write(task.task_id, [{**record, **stamp} for record in result.curve])
    rows.STORES[task.work.kind](results_dir).write(task.task_id, [row])
    pack.results.checkpoint(task.task_id).unlink(missing_ok=True)


def commit_failure(
    task: Task, pack: Pack, trace: str, started_at: datetime.datetime, worker: Started | None = None
) -> None:
    """A failed row, unless the task has a row of other code: a result is never replaced by a failure.

    `worker` is the last start of a worker that is gone: its host, CPU and versions instead of this process's.
    """
    if not task.has_row:
        row = _columns(task, pack, started_at) | _told_by(worker) | {"status": "failed", "error": trace}
        rows.STORES[task.work.kind](Path(pack.settings.results_dir)).write(task.task_id, [row])


def _told_by(worker: Started | None) -> dict[str, str]:
    told = {name: getattr(worker, name, None) for name in WORKER}
    return {name: value for name, value in told.items() if value is not None}


def _columns(task: Task, pack: Pack, started_at: datetime.datetime) -> dict[str, Any]:
    return {
        **KINDS_OF_WORK[task.work.kind].columns(task, pack.settings),
        **provenance.versions(),
        "code": task.code,
        "attempt": task.attempt,
        "device": pack.settings.device,
        "threads": pack.settings.threads,
        "error": "",
        "job_id": job_id(),
        "started_at": started_at,
        "ended_at": datetime.datetime.now(datetime.UTC),
    }
