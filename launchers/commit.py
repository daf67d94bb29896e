"""What a worker leaves of a run: its row, its curve, its checkpoint."""

import datetime
import os
from pathlib import Path
from typing import Any

from launchers.packs import Pack, Task
from launchers.slurm import node as slurm_node
from sweep import provenance, rows
from sweep.schema import ROWS


def checkpoint_path(results_dir: Path, run_id: str) -> Path:
    return results_dir / "checkpoints" / f"{run_id}.pt"


def weights_path(results_dir: Path, run_id: str) -> Path:
    return results_dir / "weights" / f"{run_id}.pt"


def job_id() -> str:
    """Of the scheduler, empty where there is none."""
    return slurm_node.job_id() or os.environ.get("SUBMITIT_LOCAL_JOB_ID", "")


def committed_status(task: Task, results_dir: Path) -> str | None:
    """Of a run that a worker finished just before it was killed: finished or diverged."""
    store = rows.rows_store(results_dir)
    shard = store.path / f"{task.run_id}.parquet"
    table = store.read_shard(shard) if shard.exists() else None
    if not table:
        return None
    row = table.to_pylist()[0]
    done = row["status"] in rows.FINAL and row["code"] == provenance.code_fingerprint()
    return row["status"] if done else None


def commit(task: Task, pack: Pack, result: dict[str, Any], started_at: datetime.datetime) -> None:
    """The curve first: where there is a row, there is its curve. The checkpoint goes when both are there."""
    results_dir = Path(pack.settings.results_dir)
    curve = result.pop("curve")
    row = _row(task, pack, started_at) | result
    stamp = {"attempt": task.attempt, "ended_at": row["ended_at"]}
    rows.curves_store(results_dir).write(task.run_id, [{**record, **stamp} for record in curve])
    rows.rows_store(results_dir).write(task.run_id, [row])
    checkpoint_path(results_dir, task.run_id).unlink(missing_ok=True)


def commit_failure(task: Task, pack: Pack, trace: str, started_at: datetime.datetime) -> None:
    """A failed row, unless the run has a row of other code: a result is never replaced by a failure."""
    if not task.has_row:
        row = _row(task, pack, started_at) | {"status": "failed", "error": trace}
        rows.rows_store(Path(pack.settings.results_dir)).write(task.run_id, [row])


def _row(task: Task, pack: Pack, started_at: datetime.datetime) -> dict[str, Any]:
    return {
        **dict.fromkeys(column.name for column in ROWS.columns),
        **rows.science_columns(task.run),
        **provenance.versions(),
        "run_id": task.run_id,
        "attempt": task.attempt,
        "study": pack.settings.study,
        "device": pack.settings.device,
        "engine": pack.settings.engine,
        "threads": pack.settings.threads,
        "error": "",
        "job_id": job_id(),
        "started_at": started_at,
        "ended_at": datetime.datetime.now(datetime.UTC),
    }
