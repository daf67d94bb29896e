"""Rows: the schema, complete or absent shards, damaged ones."""

import datetime
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sweep import PROJECT
from sweep.config.facts import DataFacts
from sweep.config.run import UNLESS
from sweep.plan.plan import make_plan
from sweep.results import schema
from sweep.results.compaction import compact_all
from sweep.results.rows import Store, curves_store, rows_store, run_of_row, stored, write_beside
from sweep.results.select import planned_and_stored
from tests.conftest import DIGITS, tiny_run
from tests.rows_of import START, row_of
from tests.todays_code import today

RUNS = [tiny_run(seed=seed) for seed in range(4)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = rows_store(tmp_path)
    for run in RUNS:
        store.write(run.run_id, [row_of(run)])
    return store


def test_pandas_reads_what_was_written(store: Store) -> None:
    table = pd.read_parquet(store.path)
    assert list(table.columns) == [column.name for column in schema.ROWS.columns]
    assert sorted(table["run_id"]) == sorted(run.run_id for run in RUNS)
    assert str(table["started_at"].dtype) == "datetime64[us, UTC]"
    assert table["lr"].dtype == float and table["bits"].dtype == int


def test_a_row_holds_its_whole_science_config(store: Store) -> None:
    rows = store.read().to_pylist()
    assert {run_of_row(row) for row in rows} == set(RUNS)
    assert all(run_of_row(row).run_id == row["run_id"] for row in rows)


def test_filters_and_columns(store: Store) -> None:
    assert stored(store.results_dir, ["seed"]) == [{"seed": run.seed} for run in sorted(RUNS, key=lambda r: r.run_id)]
    assert len(pd.read_parquet(store.path, filters=[("seed", ">=", 2)])) == 2


def test_no_rows_yet(tmp_path: Path) -> None:
    assert stored(tmp_path / "nowhere", ["run_id"]) == []


def test_the_next_attempt_replaces_the_row(store: Store) -> None:
    run = RUNS[0]
    store.write(run.run_id, [row_of(run, status="failed", attempt=2)])
    store.write(run.run_id, [row_of(run, attempt=3)])
    table = pd.read_parquet(store.path).set_index("run_id")
    assert len(table) == len(RUNS)
    assert table.loc[run.run_id, "attempt"] == 3


def test_of_several_rows_of_a_run_the_best_is_read(store: Store) -> None:
    """As two tasks of one run, or a compaction that was killed, may leave them."""
    run = RUNS[0]
    later = START + datetime.timedelta(seconds=1)
    for name, changes in {
        "a": {"status": "failed", "attempt": 9},
        "b": {"status": "diverged", "attempt": 2, "ended_at": START},
        "c": {"status": "finished", "attempt": 2, "ended_at": later},
    }.items():
        store.write(name, [row_of(run, **changes)])
    best = [row for row in store.read().to_pylist() if row["run_id"] == run.run_id]
    assert [(row["status"], row["attempt"], row["ended_at"]) for row in best] == [("finished", 2, later)]


def test_curves_keep_all_epochs_of_the_best_attempt(tmp_path: Path) -> None:
    store = curves_store(tmp_path)
    epochs = [{"run_id": "r", "attempt": 1, "epoch": e, "ended_at": START} for e in (1, 2, 3)]
    store.write("r", epochs)
    store.write("again", epochs)  # the same attempt, written twice
    store.write("second", [record | {"attempt": 2} for record in epochs[:2]])
    rows = store.read().to_pylist()
    assert [(row["attempt"], row["epoch"]) for row in rows] == [(2, 1), (2, 2)]


@pytest.mark.parametrize("damage", ["truncated", "empty", "garbage"])
def test_a_damaged_shard_is_named_and_set_aside(store: Store, damage: str) -> None:
    victim = store.path / f"{RUNS[1].run_id}.parquet"
    content = victim.read_bytes()
    victim.write_bytes({"truncated": content[:-20], "empty": b"", "garbage": b"x" * 100}[damage])
    with pytest.warns(UserWarning, match=rf"{RUNS[1].run_id}.parquet is damaged .* moved to .*damaged"):
        rows = store.read().to_pylist()
    assert {row["run_id"] for row in rows} == {run.run_id for run in RUNS if run != RUNS[1]}
    assert len(list((store.results_dir / "damaged").iterdir())) == 1
    assert len(pd.read_parquet(store.path)) == len(RUNS) - 1


def test_what_is_half_written_is_not_seen(store: Store) -> None:
    (store.path / ".half.parquet.tmp").write_bytes(b"PAR1")
    assert len(pd.read_parquet(store.path)) == len(store.read()) == len(RUNS)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_beside(tmp_path / "x.parquet", fail)
    assert list(tmp_path.iterdir()) == []


def test_the_page_on_results_is_the_schema() -> None:
    assert (PROJECT / "results" / "README.md").read_text() == schema.readme()


def without_later_columns(path: Path) -> None:
    """As an earlier version wrote it."""
    pq.write_table(pq.read_table(path).drop_columns(list(UNLESS)), path)


def test_rows_of_an_earlier_version_read_as_today_s(store: Store) -> None:
    without_later_columns(store.path / f"{RUNS[0].run_id}.parquet")
    rows = store.read().to_pylist()
    assert {run_of_row(row) for row in rows} == set(RUNS)
    assert {row["act_bits"] for row in rows} == {32}
    assert stored(store.results_dir, ["diffq_noise"]) == [{"diffq_noise": "none"}] * len(RUNS)


def test_compaction_completes_rows_of_an_earlier_version(store: Store) -> None:
    without_later_columns(store.path / f"{RUNS[0].run_id}.parquet")
    compact_all(store.results_dir)
    assert pd.read_parquet(store.path)["pact_alpha"].tolist() == [0.0] * len(RUNS)


@pytest.mark.parametrize("compacted", [False, True])
def test_rows_from_before_a_circumstance_was_recorded_have_a_null_there(compacted: bool, store: Store) -> None:
    """And are read, replaced and merged beside others."""
    older, replaced = (store.path / f"{run.run_id}.parquet" for run in RUNS[:2])
    for path in (older, replaced):
        pq.write_table(pq.read_table(path).drop_columns(["cpu_capability"]), path)
    for run in RUNS[1:]:
        store.write(run.run_id, [row_of(run, cpu_capability="AVX2")])
    if compacted:
        compact_all(store.results_dir)
        assert pd.read_parquet(store.path)["cpu_capability"].isna().sum() == 1
    found = {row["run_id"]: row["cpu_capability"] for row in store.read().to_pylist()}
    assert found == {run.run_id: "AVX2" for run in RUNS[1:]} | {RUNS[0].run_id: None}


def test_a_plan_of_an_earlier_version_reads_as_today_s(store: Store) -> None:
    path = store.results_dir / "sweeps" / "s" / "plan.parquet"
    path.parent.mkdir(parents=True)
    facts = {"digits": DataFacts(1442, 355, 1, 8, 8, 10)}
    make_plan("s", [(tiny_run(seed=9), DIGITS)], facts, [], today, "cpu").write(path)
    without_later_columns(path)
    runs = planned_and_stored(store.results_dir)
    assert len(runs) == 1 + len(RUNS)
    assert set(runs["quantize_images"]) == {False} and set(runs["act_bits"]) == {32}
