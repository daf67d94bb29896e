"""What a worker leaves of a task: its row, its curve, its checkpoint."""

import datetime
import os
from pathlib import Path
from typing import Any

from sweep.plan.packs import Pack, Task, engine_of
from sweep.results import provenance, rows
from sweep.worker import node as slurm_node
from sweep.worker.work import KINDS_OF_WORK


def job_id() -> str:
    """Of the scheduler, empty where there is none."""
    return slurm_node.job_id() or os.environ.get("SUBMITIT_LOCAL_JOB_ID", "")


def committed_status(task: Task, results_dir: Path) -> str | None:
    """Of a task that a worker finished just before it was killed: finished or diverged."""
    store, code = rows.STORES[task.work.kind](results_dir), provenance.code_fingerprint(task.work.kind)
    shard = store.shard(task.task_id)
    table = store.read_shard(shard) if shard.exists() else None
    if not table:
        return None
    row = table.to_pylist()[0]
    done = row["status"] in rows.FINAL and row["code"] == code
    return row["status"] if done else None


def commit(task: Task, pack: Pack, result: dict[str, Any], started_at: datetime.datetime) -> None:
    """The curve first: where there is a row, there is its curve. The checkpoint goes when both are there."""
    results_dir = Path(pack.settings.results_dir)
    curve = result.pop("curve", None)
    row = _columns(task, pack, started_at) | result
    if curve is not None:
        stamp = {"attempt": task.attempt, "ended_at": row["ended_at"]}
        rows.curves_store(results_dir).write(task.task_id, [{**record, **stamp} for record in curve])
    _write(task, results_dir, row)
    pack.results.checkpoint(task.task_id).unlink(missing_ok=True)


def commit_failure(
    task: Task, pack: Pack, trace: str, started_at: datetime.datetime, worker: dict[str, Any] | None = None
) -> None:
    """A failed row, unless the task has a row of other code: a result is never replaced by a failure.

    `worker` has columns of a worker that is gone: its host, CPU and versions instead of this process's.
    """
    if not task.has_row:
        row = _columns(task, pack, started_at) | (worker or {}) | {"status": "failed", "error": trace}
        _write(task, Path(pack.settings.results_dir), row)


def _write(task: Task, results_dir: Path, values: dict[str, Any]) -> None:
    """Of `values` the columns that this kind of work has; those without a value are null."""
    store = rows.STORES[task.work.kind](results_dir)
    store.write(task.task_id, [{name: values.get(name) for name in store.schema.names}])


def _columns(task: Task, pack: Pack, started_at: datetime.datetime) -> dict[str, Any]:
    return {
        **KINDS_OF_WORK[task.work.kind].columns(task),
        **provenance.versions(),
        "code": provenance.code_fingerprint(task.work.kind),
        "attempt": task.attempt,
        "study": pack.settings.study,
        "device": pack.settings.device,
        "engine": engine_of(task, pack.settings),
        "processes": pack.settings.processes_per_run,
        "threads": pack.settings.threads,
        "error": "",
        "job_id": job_id(),
        "started_at": started_at,
        "ended_at": datetime.datetime.now(datetime.UTC),
    }
