"""What a worker does: the runs of its pack, one after another, each ending in a row."""

import dataclasses
import datetime
import math
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from launchers.journal import ENDS, EPOCH, FAILED, PRUNED, STARTED, STOPPED, JournalReader, journal_path, record
from launchers.packs import Pack, Task
from launchers.slurm import node as slurm_node
from sweep import data, provenance, rows
from sweep.config import DataSource
from sweep.data.arrays import ImageArrays
from sweep.schema import ROWS

LAUNCHER_CHECK_S = PRUNE_CHECK_S = 1.0
FAILED_EXIT = 1


class StopRequest:
    """True once the worker was asked to stop, or its launcher on the same machine is gone.

    `signal` is what asked: SIGTERM (stop for good, or preempted), SIGUSR2 (the scheduler is about to end the task).
    """

    def __init__(self, launcher_pid: int | None) -> None:
        self._launcher_pid = launcher_pid
        self._checked = time.monotonic()
        self.signal: int | None = None
        for number in (signal.SIGTERM, signal.SIGUSR2):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.signal = number

    def __call__(self) -> bool:
        now = time.monotonic()
        if self.signal is None and self._launcher_pid and now - self._checked > LAUNCHER_CHECK_S:
            self._checked = now
            if not _is_alive(self._launcher_pid):
                self.signal = signal.SIGTERM
        return self.signal is not None


class PruneRequest:
    """True once a search asked for a run to be stopped early, by a file that any worker of a cluster can see."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._checked = -math.inf
        self.made = False

    def __call__(self) -> bool:
        now = time.monotonic()
        if not self.made and now - self._checked > PRUNE_CHECK_S:
            self._checked = now
            self.made = self._path.exists()
        return self.made


def prune_path(sweep_dir: Path, run_id: str) -> Path:
    return sweep_dir / "stop" / run_id


def request_prune(sweep_dir: Path, run_id: str) -> None:
    """Has the worker that trains `run_id` in this sweep save a checkpoint and go on to its next run."""
    path = prune_path(sweep_dir, run_id)
    path.parent.mkdir(exist_ok=True)
    path.touch()


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    stat = Path(f"/proc/{pid}/stat")  # a zombie is gone too
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def run_pack(pack: Pack) -> None:
    """Executes the runs of `pack`; one that raises ends in a failed row, and does not end the pack.

    May be started again from the beginning at any time: runs that ended are passed over, the one that was
    interrupted goes on from its checkpoint. Exits with 1 where a run failed.
    """
    import torch

    started = time.monotonic()
    torch.set_num_threads(pack.settings.threads)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False  # fp32 means fp32
    journal = journal_path(Path(pack.sweep_dir), pack.pack_id)
    before = JournalReader(journal).new_events()
    ended = {event["run_id"]: event["event"] for event in before if event["event"] in ENDS}
    starts = Counter(event["run_id"] for event in before if event["event"] == STARTED)
    stop = StopRequest(None if slurm_node.in_job() else pack.launcher_pid)
    for task in pack.tasks:
        if stop():
            break
        if task.run_id not in ended:
            again = dataclasses.replace(task, attempt=task.attempt + starts[task.run_id])
            ended[task.run_id] = _run_task(again, pack, journal, stop)
    is_done = all(ended.get(task.run_id) in ENDS for task in pack.tasks)
    if stop.signal == signal.SIGUSR2 and not is_done:
        slurm_node.requeue(pack, journal, running_s=time.monotonic() - started)
    if FAILED in ended.values():
        sys.exit(FAILED_EXIT)


def _run_task(task: Task, pack: Pack, journal: Path, stop: StopRequest) -> str:
    """Returns the event that it ended with, which is in the journal too."""
    from sweep.training.plain import Interrupted

    status = _committed_status(task, Path(pack.settings.results_dir))
    if status is not None:
        record(journal, status, task.run_id)
        return status
    started_at = datetime.datetime.now(datetime.UTC)
    record(journal, STARTED, task.run_id, attempt=task.attempt, log=f"{_job_id()}_0_log.out")
    prune = PruneRequest(prune_path(Path(pack.sweep_dir), task.run_id))
    try:
        result = _train(task, pack, (lambda: stop() or prune()) if pack.prunable else stop)
    except Interrupted:
        event = PRUNED if prune.made else STOPPED
        record(journal, event, task.run_id)
        return event
    except Exception as error:
        trace = traceback.format_exc()
        print(trace, flush=True)
        commit_failure(task, pack, trace, started_at)
        record(journal, FAILED, task.run_id, error=_last_line(error))
        return FAILED
    _commit(task, pack, result, started_at)
    record(journal, result["status"], task.run_id, seconds=result["seconds"])
    return str(result["status"])


def _committed_status(task: Task, results_dir: Path) -> str | None:
    """Of a run that a worker finished just before it was killed: finished or diverged."""
    store = rows.rows_store(results_dir)
    shard = store.path / f"{task.run_id}.parquet"
    table = store.read_shard(shard) if shard.exists() else None
    if not table:
        return None
    row = table.to_pylist()[0]
    done = row["status"] in rows.FINAL and row["code"] == provenance.code_fingerprint()
    return row["status"] if done else None


def _last_line(error: Exception) -> str:
    return traceback.format_exception_only(error)[-1].strip()


def _train(task: Task, pack: Pack, stop: Callable[[], bool]) -> dict[str, Any]:
    import torch

    from sweep.data.device import ImageData
    from sweep.training.plain import TrainOptions, train

    def record_epoch(evaluated: Mapping[str, float | int | None]) -> None:
        if pack.prunable:
            record(journal_path(Path(pack.sweep_dir), pack.pack_id), EPOCH, task.run_id, **evaluated)

    settings, results_dir = pack.settings, Path(pack.settings.results_dir)
    device = torch.device(settings.device)
    images = ImageData(_load(task, results_dir), task.run, device)
    options = TrainOptions(
        code=provenance.code_fingerprint(),
        checkpoint=checkpoint_path(results_dir, task.run_id),
        checkpoint_seconds=settings.checkpoint_seconds,
        weights=results_dir / "weights" / f"{task.run_id}.pt" if settings.keep_weights else None,
        stop=stop,
        on_evaluation=record_epoch,
    )
    result = train(task.run, images, device, options)
    name = "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
    return result | {"device": name}


def checkpoint_path(results_dir: Path, run_id: str) -> Path:
    return results_dir / "checkpoints" / f"{run_id}.pt"


def _load(task: Task, results_dir: Path) -> ImageArrays:
    return _load_source(task.source, results_dir / "cache")


@cache
def _load_source(source: DataSource, cache_dir: Path) -> ImageArrays:
    return data.load(source, cache_dir)


def _commit(task: Task, pack: Pack, result: dict[str, Any], started_at: datetime.datetime) -> None:
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


def _job_id() -> str:
    return slurm_node.job_id() or os.environ.get("SUBMITIT_LOCAL_JOB_ID", "")


def _row(task: Task, pack: Pack, started_at: datetime.datetime) -> dict[str, Any]:
    return {
        **dict.fromkeys(column.name for column in ROWS.columns),
        **rows.science_columns(task.run),
        **provenance.versions(),
        "run_id": task.run_id,
        "attempt": task.attempt,
        "study": pack.settings.study,
        "device": pack.settings.device,
        "threads": pack.settings.threads,
        "error": "",
        "job_id": _job_id(),
        "started_at": started_at,
        "ended_at": datetime.datetime.now(datetime.UTC),
    }
