"""Kinds of work: each with its table, and results that lose nothing."""

from pathlib import Path

import pytest

from sweep.results.rows import STORES, rows_store
from sweep.results.schema import CURVES, MEASURES, ROWS, TABLE_OF, TABLES
from sweep.worker.kinds import KINDS_OF_WORK
from sweep.worker.work import Result
from tests.conftest import tiny_run
from tests.rows_of import row_of


def test_every_kind_of_work_has_a_table_and_says_what_it_did() -> None:
    assert KINDS_OF_WORK.keys() == TABLE_OF.keys() == STORES.keys() == {"train", "measure", "distort"}
    assert {name: kind.table.name for name, kind in KINDS_OF_WORK.items()} == {
        "train": "rows", "measure": "measures", "distort": "distortions",
    }  # fmt: skip
    assert [table.past for table in TABLES] == ["trained", "", "measured", "evaluated"]


def test_a_result_says_how_its_task_ended() -> None:
    result = Result(ROWS, {"status": "diverged", "seconds": 2})
    assert (result.status, result.seconds, result.curve) == ("diverged", 2.0, ())


@pytest.mark.parametrize("table", [ROWS, MEASURES])
def test_a_column_that_its_table_lacks_is_an_error_at_once(table: object) -> None:
    with pytest.raises(ValueError, match=r"the table \w+ has no column gapp, los: declare it in sweep.results.schema"):
        Result(table, {"status": "finished", "gapp": 1.0, "los": 0.0})  # type: ignore[arg-type]


def test_so_is_one_of_a_curve() -> None:
    Result(ROWS, {}, [dict.fromkeys(CURVES.names)])
    with pytest.raises(ValueError, match="the table curves has no column momentum"):
        Result(ROWS, {}, [{"epoch": 1}, {"epoch": 2, "momentum": 0.9}])


def test_and_one_of_any_row_that_is_written(tmp_path: Path) -> None:
    """`pyarrow` would leave it out."""
    run = tiny_run()
    with pytest.raises(ValueError, match="the table rows has no column gapp"):
        rows_store(tmp_path).write(run.run_id, [row_of(run, gapp=1.0)])
    assert not rows_store(tmp_path).path.exists()
