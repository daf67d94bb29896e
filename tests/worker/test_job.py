"""A worker and its pack: which engine trains a task, and what it does with tasks that are done or raise."""

import datetime
import errno
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.compaction import compact
from sweep.results.events import Event, Finished
from sweep.results.paths import SweepDir
from sweep.results.rows import rows_store
from sweep.worker import job
from sweep.worker.commit import CommittedRows, commit_failure
from sweep.worker.job import work_on
from sweep.worker.train import Training
from tests.conftest import DIGITS, tiny_run
from tests.worker.packs import ENGINES, events, pack_of, signals_as_before, statuses

__all__ = ["signals_as_before"]


@pytest.mark.parametrize(("changes", "engine"), [({}, "array"), ({"act_bits": 8}, "plain")])
def test_a_task_that_cannot_join_an_array_is_trained_by_the_plain_engine(
    changes: dict[str, object], engine: str, tmp_path: Path
) -> None:
    run = tiny_run(epochs=1, **changes)
    task = Task(run, run.run_id, DIGITS, attempt=1, has_row=False, expected_s=1.0, entries=frozenset(), code="")
    settings = Settings(engine="array", device="cpu", results_dir=str(tmp_path))
    pack = Pack("pack", (task,), str(tmp_path), settings, launcher_pid=0)
    (outcome,) = Training().work_on([task], pack, [lambda: False])
    assert outcome.task is task and outcome.result is not None
    assert (outcome.result.columns["engine"], outcome.result.status) == (engine, "finished")
    commit_failure(task, pack, "trace", datetime.datetime.now(datetime.UTC))
    assert rows_store(tmp_path).read()["engine"].to_pylist() == [engine]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("done", [0, 1, 2, 3])
def test_runs_that_have_their_rows_are_not_trained_again(done: int, engine: str, tmp_path: Path) -> None:
    if done:
        work_on(pack_of(done, tmp_path, engine, "earlier"))
    pack = pack_of(3, tmp_path, engine)
    work_on(pack)
    found = Counter(events(pack))
    assert found == Counter([("finished", seed) for seed in range(3)] + [("started", seed) for seed in range(done, 3)])
    assert statuses(tmp_path) == ["finished"] * 3


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seeds", [2, 4])
def test_a_kill_between_a_row_and_its_line_in_the_journal(seeds: int, engine: str, tmp_path: Path) -> None:
    """Of the last run that was reached: the pack has none after it, or two."""
    work_on(pack_of(2, tmp_path, engine))
    journal = SweepDir(tmp_path).journal("pack")
    *kept, last = journal.read_text().splitlines(keepends=True)
    assert '"finished"' in last
    journal.write_text("".join(kept))
    pack = pack_of(seeds, tmp_path, engine)
    work_on(pack)
    found = events(pack)
    assert [seed for event, seed in found if event == "started"] == list(range(seeds))
    assert sorted(seed for event, seed in found if event == "finished") == list(range(seeds))
    assert statuses(tmp_path) == ["finished"] * seeds


@pytest.mark.parametrize("engine", ENGINES)
def test_a_merge_between_a_kill_and_the_restart(engine: str, tmp_path: Path) -> None:
    """The launcher goes on merging while its worker is gone: the row is no shard of its own any more."""
    work_on(pack_of(2, tmp_path, engine))
    journal = SweepDir(tmp_path).journal("pack")
    *kept, _ = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(kept))
    compact(rows_store(tmp_path))
    pack = pack_of(3, tmp_path, engine)
    assert not rows_store(tmp_path).shard(pack.tasks[1].task_id).exists()
    work_on(pack)
    found = events(pack)
    assert [seed for event, seed in found if event == "started"] == [0, 1, 2]
    assert sorted(seed for event, seed in found if event == "finished") == [0, 1, 2]


def test_rows_that_are_merged_while_a_worker_looks(tmp_path: Path) -> None:
    """Seen as shards, merged, and beside later ones; not those of other code, nor failed ones."""
    pack = pack_of(4, tmp_path)
    tasks, store = pack.tasks, rows_store(tmp_path)
    rows = CommittedRows(tasks, Settings(results_dir=str(tmp_path), rerun="stale"))
    assert [rows.status_of(task) for task in tasks] == [None] * 4
    store.write(tasks[0].task_id, [{"run_id": tasks[0].run_id, "status": "finished", "code": ""}])
    store.write(tasks[1].task_id, [{"run_id": tasks[1].run_id, "status": "diverged", "code": ""}])
    store.write(tasks[2].task_id, [{"run_id": tasks[2].run_id, "status": "finished", "code": "other"}])
    store.write(tasks[3].task_id, [{"run_id": tasks[3].run_id, "status": "failed", "code": ""}])
    expected = ["finished", "diverged", None, None]
    assert [rows.status_of(task) for task in tasks] == expected
    compact(store)
    assert [rows.status_of(task) for task in tasks] == expected
    store.write(tasks[2].task_id, [{"run_id": tasks[2].run_id, "status": "finished", "code": ""}])
    assert [rows.status_of(task) for task in tasks] == ["finished", "diverged", "finished", None]
    older = {"run_id": tasks[0].run_id, "status": "finished", "attempt": 2}  # than the code, not than the merged row
    store.write(tasks[0].task_id, [older | {"code": "other"}])
    assert rows.status_of(tasks[0]) is None
    store.write(tasks[0].task_id, [older | {"status": "failed", "code": "other"}])
    assert rows.status_of(tasks[0]) == "finished"


@pytest.mark.parametrize(
    ("number", "done", "called"), [("SIGUSR2", False, 1), ("SIGTERM", False, 0), ("SIGUSR2", True, 0)]
)
def test_a_warning_is_passed_on_where_work_is_left(number: str, done: bool, called: int, tmp_path: Path) -> None:
    """As the scheduler sends it, while the worker does its first run; a stop for good is no warning."""
    pack, calls = pack_of(1 if done else 2, tmp_path), []

    def with_signal(*arguments: Any) -> Any:
        yield from good(*arguments)
        signal.raise_signal(getattr(signal, number))

    good = Training.work_on
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Training, "work_on", with_signal)
        work_on(pack, when_warned=lambda: calls.append(1))
    assert len(calls) == called
    assert [event for event, _ in events(pack)] == ["started", "finished"]


@pytest.mark.parametrize("engine", ENGINES)
def test_a_fault_after_the_last_result_changes_nothing(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def with_fault(*arguments: Any) -> Any:
        yield from good(*arguments)
        raise RuntimeError("while it was put away")

    good = Training.work_on
    monkeypatch.setattr(Training, "work_on", with_fault)
    pack = pack_of(2, tmp_path, engine)
    work_on(pack)
    assert sorted(events(pack)) == [("finished", 0), ("finished", 1), ("started", 0), ("started", 1)]
    assert statuses(tmp_path) == ["finished"] * 2
    assert "while it was put away" in capsys.readouterr().out


@pytest.mark.parametrize("engine", ENGINES)
def test_a_row_that_cannot_be_written_fails_its_run_alone(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(task: Task, *arguments: Any) -> None:
        if task.run.seed == 1:
            raise ValueError("no such column")
        good(task, *arguments)

    good = job.commit
    monkeypatch.setattr(job, "commit", commit)
    pack = pack_of(4, tmp_path, engine)
    with pytest.raises(SystemExit):
        work_on(pack)
    ends = {seed: event for event, seed in events(pack) if event != "started"}
    assert ends == {0: "finished", 1: "failed", 2: "finished", 3: "finished"}
    assert sorted(statuses(tmp_path)) == ["failed", "finished", "finished", "finished"]


def test_a_run_with_a_row_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the journal cannot be written just after the row."""

    def record(path: Path, event: Event) -> None:
        if isinstance(event, Finished) and not faults:
            faults.append(event)
            raise OSError("no space left on device")
        good(path, event)

    faults: list[Event] = []
    good = job.record
    monkeypatch.setattr(job, "record", record)
    pack = pack_of(2, tmp_path)
    work_on(pack)
    assert faults and statuses(tmp_path) == ["finished"] * 2
    assert events(pack) == [("started", 0), ("finished", 0), ("started", 1), ("finished", 1)]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("written", ["commit", "record"])
def test_a_full_disk_ends_the_worker_in_one_line_and_fails_no_run(
    written: str, engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of rows, and of the journal; what was not saved is trained when there is room again."""

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/r/file")

    monkeypatch.setattr(job, written, full)
    pack = pack_of(3, tmp_path, engine)
    with pytest.raises(SystemExit, match=r"^no space left for /r/file: .* the same command goes on"):
        work_on(pack)
    assert not [event for event, _ in events(pack) if event == "failed"]
    monkeypatch.undo()
    work_on(pack)
    assert statuses(tmp_path) == ["finished"] * 3
