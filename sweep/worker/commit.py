"""What a worker leaves of a task: its row, its curve, its checkpoint."""

import datetime
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results import provenance, rows
from sweep.results.accepted import accepted_code
from sweep.results.events import Started
from sweep.worker.environment import JOB_ID
from sweep.worker.kinds import KINDS_OF_WORK
from sweep.worker.work import Result

Row = dict[str, Any]
WORKER = ("host", "cpu_capability", "torch_version", "qsweep_version")  # columns that a started task says of its worker


def job_id() -> str:
    """Returns the id of the scheduler's job that this worker is; empty in a process that is no worker."""
    return os.environ.get(JOB_ID, "")


class CommittedRows:
    """The rows that other workers have left of `tasks`, of one kind of work: also one that was killed just after."""

    def __init__(self, tasks: Sequence[Task], settings: Settings) -> None:
        self._results_dir, self._kind = Path(settings.results_dir), tasks[0].work.kind
        self._takes_other_code = settings.rerun == "missing"
        self._store = rows.STORES[self._kind](self._results_dir)
        self._ids = [task.task_id for task in tasks]
        self._merged: dict[str, Row] = {}  # by task id
        self._generation: Path | None = None  # of which that is

    def status_of(self, task: Task) -> str | None:
        """Returns finished or diverged, where `task` has such a row that a plan would count as done; otherwise None.

        That is one of its own code, or of what is accepted as equal to it; of any code where stale rows are kept.
        """
        in_shard = self._in_shard(task)
        self._read_merged()  # afterwards: a shard goes only when what it was merged into is there
        found = [row for row in (in_shard, self._merged.get(task.task_id)) if row]
        best = max(found, key=lambda row: rows.rank_of(*(row[name] for name in rows.RANK_COLUMNS)), default=None)
        if best is None or best["status"] not in rows.FINAL or not self._counts(best["code"], task):
            return None
        return str(best["status"])

    def _counts(self, code: str, task: Task) -> bool:
        if code == task.code or (self._takes_other_code and not task.has_row):
            return True
        return (code, task.code) in accepted_code(self._results_dir, self._kind)

    def _in_shard(self, task: Task) -> Row | None:
        shard = self._store.shard(task.task_id)
        try:
            table = self._store.read_shard(shard) if shard.exists() else None
        except FileNotFoundError:
            return None
        return table.to_pylist()[0] if table else None

    def _read_merged(self) -> None:
        """Reads again what compactions have merged, where there was another one."""
        generation = self._store.path.resolve()
        if generation != self._generation:
            key = self._store.key
            found = self._store.merged(self._ids, [key, "code", *rows.RANK_COLUMNS]).to_pylist()
            self._merged = {row[key]: row for row in found}
            self._generation = generation


def commit(task: Task, pack: Pack, result: Result, started_at: datetime.datetime) -> None:
    """Writes the row of `task` and its curve, and removes its checkpoint.

    The curve comes first: where there is a row, there is its curve. The checkpoint goes when both are there.
    """
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
    """Writes a failed row with `trace`, unless `task` has a row of other code: no failure replaces a result.

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
