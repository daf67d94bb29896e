"""Compaction: nothing lost, nothing doubled, killed at any moment, beside writers."""

import fcntl
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sweep.compact import main as compact_command
from sweep.config.checks import ConfigError
from sweep.results.compaction import compact
from sweep.results.rows import Store, curves_store, rows_store, shards
from tests.conftest import tiny_run
from tests.rows_of import START, row_of

RUNS = [tiny_run(seed=seed) for seed in range(6)]
IDS = sorted(run.run_id for run in RUNS)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four finished rows, two of them compacted before, and two failed ones."""
    store = rows_store(tmp_path)
    for run in RUNS[:2]:
        store.write(run.run_id, [row_of(run)])
    compact(store)
    for run in RUNS[2:4]:
        store.write(run.run_id, [row_of(run, status="failed", attempt=run.seed)])
    for run in RUNS[4:]:
        store.write(run.run_id, [row_of(run)])
    return store


def ids(store: Store) -> list[str]:
    return sorted(pd.read_parquet(store.path)["run_id"])


def test_shards_become_one_file_and_failed_rows_stay_apart(store: Store) -> None:
    before = store.read().to_pylist()
    assert compact(store) == 5
    files = [path.name for path in shards(store.path)]
    assert sorted(files)[:2] == sorted(f"{run.run_id}.parquet" for run in RUNS[2:4])
    assert [name.startswith("part-") for name in sorted(files)[2:]] == [True]
    after = store.read().to_pylist()
    key = lambda row: row["run_id"]  # noqa: E731
    assert sorted(after, key=key) == sorted(before, key=key)
    assert ids(store) == IDS
    assert len(store.generations()) == 1


def test_a_relative_results_directory(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(store.results_dir)
    relative = rows_store(Path())
    assert compact(relative) == 5
    assert ids(relative) == IDS
    assert len(relative.generations()) == 1


def test_a_retry_replaces_a_failed_row_after_compaction(store: Store) -> None:
    compact(store)
    store.write(RUNS[2].run_id, [row_of(RUNS[2], attempt=9)])
    assert ids(store) == IDS
    assert compact(store)
    assert ids(store) == IDS


def test_one_new_row_of_a_compacted_run_is_merged_so_that_any_reader_sees_it_once(store: Store) -> None:
    for run in RUNS[2:4]:
        store.write(run.run_id, [row_of(run)])
    compact(store)
    store.write(RUNS[0].run_id, [row_of(RUNS[0], attempt=9)])
    assert compact(store) == 2
    rows = pd.read_parquet(store.path)
    assert rows["run_id"].is_unique and rows.set_index("run_id").loc[RUNS[0].run_id, "attempt"] == 9


def test_nothing_to_merge(store: Store, tmp_path: Path) -> None:
    compact(store)
    for run in RUNS[2:4]:
        store.write(run.run_id, [row_of(run)])
    compact(store)
    assert compact(store) == 0
    assert compact(curves_store(tmp_path)) == 0


class Killed(BaseException):
    """What no handler of ours may catch."""


OPERATIONS = ("replace", "unlink", "rmdir", "mkdir", "symlink_to", "rename")


def kill_at(call: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Makes the `call`-th operation on the file system raise before it happens; returns the count so far."""
    made = [0]

    def bomb(operation: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            made[0] += 1
            if made[0] >= call:  # and whatever is tried after the death
                raise Killed
            return operation(*arguments, **options)

        return counted

    for name in OPERATIONS:
        monkeypatch.setattr(Path, name, bomb(getattr(Path, name)))
    monkeypatch.setattr(pq, "write_table", bomb(pq.write_table))
    monkeypatch.setattr(os, "fsync", bomb(os.fsync))
    return lambda: made[0]


def test_killed_at_any_moment_it_loses_and_doubles_nothing(store: Store, tmp_path: Path) -> None:
    survived = 0
    for call in range(1, 100):
        copy = tmp_path / f"copy-{call}"
        shutil.copytree(tmp_path, copy, symlinks=True, ignore=shutil.ignore_patterns("copy-*"))
        victim = rows_store(copy)
        with pytest.MonkeyPatch.context() as patch:
            kill_at(call, patch)
            try:
                compact(victim)
            except Killed:
                survived += 1
            else:
                break
        assert ids(victim) == IDS, f"after a kill at operation {call}"
        compact(victim)
        assert ids(victim) == IDS, f"repaired after a kill at operation {call}"
        assert len(victim.generations()) == 1
    assert survived > 10


def test_writers_beside_a_compaction_lose_nothing(tmp_path: Path) -> None:
    store = rows_store(tmp_path)
    runs = [tiny_run(seed=seed) for seed in range(120)]
    store.write(runs[0].run_id, [row_of(runs[0])])

    def write(share: list[Any]) -> None:
        for run in share:
            store.write(run.run_id, [row_of(run)])

    writers = [threading.Thread(target=write, args=(runs[1 + k :: 3],)) for k in range(3)]
    for writer in writers:
        writer.start()
    compactions = 0
    while any(writer.is_alive() for writer in writers):
        compactions += compact(store) > 0
    assert compactions > 1
    compact(store)
    assert ids(store) == sorted(run.run_id for run in runs)


def test_only_one_compaction_at_a_time(store: Store) -> None:
    with (store.results_dir / ".rows.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert compact(store) == 0
    assert compact(store) == 5


def test_a_copy_without_links_is_taken_over(store: Store, tmp_path: Path) -> None:
    copy = tmp_path / "copied"
    shutil.copytree(store.path, copy / "rows")
    copied = rows_store(copy)
    assert compact(copied) == 5
    assert ids(copied) == IDS
    assert len(copied.generations()) == 1 and copied.path.is_symlink()


def test_a_takeover_killed_in_the_middle_is_finished_by_the_next(store: Store, tmp_path: Path) -> None:
    (store.path).unlink()
    assert compact(store) == 5
    assert ids(store) == IDS


def test_curves_are_compacted_too(tmp_path: Path) -> None:
    store = curves_store(tmp_path)
    for run_id in ("b", "a"):
        store.write(run_id, [{"run_id": run_id, "attempt": 1, "epoch": e, "ended_at": START} for e in (1, 2)])
    assert compact(store) == 2
    table = pd.read_parquet(store.path)
    assert list(zip(table["run_id"], table["epoch"], strict=True)) == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]


def test_the_command(store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["compact", f"results_dir={store.results_dir}"])
    compact_command()
    assert "5 shards merged, 3 files now" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["compact", "results_dir=/nowhere"])
    with pytest.raises(ConfigError, match="results_dir=/nowhere: no rows there"):
        compact_command()
    monkeypatch.setattr("sys.argv", ["compact", "result_dir=x"])
    with pytest.raises(ConfigError, match="result_dir=x: there is no such key; did you mean results_dir"):
        compact_command()
