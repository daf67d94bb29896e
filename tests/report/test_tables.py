"""Every line of a table names its runs."""

from pathlib import Path

import pandas as pd
import pytest

from sweep.report import tables
from tests.conftest import tiny_run
from tests.report.results import contents_of, full_results, gap, grid, write_rows


def test_published_lines_have_no_runs_of_ours() -> None:
    shown = pd.DataFrame({"precision": ["FP32", "  published", "Int2"], "gap": ["1", "2", "3"]})
    table = tables.of_frame("t", shown, [["a"], ["b", "c"]], ["note"])
    assert table.run_ids == (("a",), (), ("b", "c")) and table.lines[1] == ("  published", "2")


def test_the_runs_behind_table_1(tmp_path: Path) -> None:
    runs = full_results(tmp_path)
    runs_of = contents_of(tmp_path).runs
    (table,) = tables.tables_of("train", runs_of, runs_of)
    assert [line[2] for line in table.lines] == ["FP32", "Int2"]
    expected = [{run.run_id for run in runs if run.bits == 32}, {run.run_id for run in runs[:-2] if run.bits == 2}]
    assert [set(ids) for ids in table.run_ids] == expected
    assert "1 runs diverged: counted, not in the means" in table.notes


def test_outcomes_by_precision(tmp_path: Path) -> None:
    full_results(tmp_path)
    table = tables.outcomes(contents_of(tmp_path).runs, ["FP32", "Int2"])
    assert table.names == ("quantization", "runs", "finished", "at chance", "diverged", "failed", "missing")
    assert table.lines == (
        ("FP32", "4", "4", "0", "0", "0", "0"),
        ("Int2", "4", "2", "0", "1", "1", "0"),
        ("all", "8", "6", "0", "1", "1", "0"),
    )


def test_what_diverged_runs_share(tmp_path: Path) -> None:
    runs = grid()
    write_rows(tmp_path, {run: {"status": "diverged"} if run.lr == 0.1 else gap(0.1) for run in runs})
    table = tables.listed("Diverged", contents_of(tmp_path).runs, "diverged")
    assert table.lines == (("all runs with lr=0.1",),)
    assert set(table.run_ids[0]) == {run.run_id for run in runs if run.lr == 0.1}


def test_failures_are_clustered(tmp_path: Path) -> None:
    runs = full_results(tmp_path)
    table = tables.failures(contents_of(tmp_path).runs)
    assert table.lines[0][0] == "OSError: <disk>" and table.run_ids == ((runs[-2].run_id,),)


def test_gpu_hours_are_not_cpu_hours(tmp_path: Path) -> None:
    rows = {
        tiny_run(seed=0): {"device": "cpu", "threads": 4, "seconds": 1800.0},
        tiny_run(seed=1): {"device": "NVIDIA H200", "threads": 4, "seconds": 7200.0, "engine": "array"},
        tiny_run(seed=2): {"device": "NVIDIA H200", "threads": 4, "seconds": 1800.0, "engine": "array"},
        tiny_run(seed=3): {"device": "cpu", "threads": 4, "seconds": None, "status": "failed"},
    }
    write_rows(tmp_path, rows)
    table = tables.time_spent(contents_of(tmp_path).runs)
    assert table.lines == (("NVIDIA H200", "array", "2", "2.5", ""), ("cpu", "plain", "2", "", "2"))


@pytest.mark.parametrize("name", ["provenance", "time_spent"])
def test_every_line_has_runs(name: str, tmp_path: Path) -> None:
    full_results(tmp_path)
    table = getattr(tables, name)(contents_of(tmp_path).runs)
    assert len(table.run_ids) == len(table.lines) and all(table.run_ids)
    assert all(len(line) == len(table.names) for line in table.lines)


def test_flatness_and_corruptions(tmp_path: Path) -> None:
    runs = full_results(tmp_path)
    contents = contents_of(tmp_path)
    norms, bounds = tables.tables_of("measure", contents.runs, contents.measures)
    assert [len(ids) for ids in norms.run_ids] == [4, 4, 2, 2] and len(bounds.lines) == 4
    (improvements,) = tables.tables_of("distort", contents.runs, contents.distortions)
    assert set(improvements.run_ids[1]) == {run.run_id for run in runs[:-2] if run.bits == 2}
