"""To add a quantizer, an update rule or an optimizer: one file or folder, here in a package outside of this one."""

from pathlib import Path

import pandas as pd
import pytest

from tests.outside.commands import run, sweep
from tests.outside.packages import OPTIMIZER, QUANTIZER, RULE, package


@pytest.mark.parametrize(
    ("key", "files"),
    [("quantizer", QUANTIZER), ("rule", RULE), ("optimizer", OPTIMIZER)],
    ids=["quantizer", "rule", "optimizer"],
)
def test_a_part_from_outside_is_swept_resumed_and_tabulated(
    key: str, files: dict[str, str] | str, tmp_path: Path
) -> None:
    parts, results_dir = package(tmp_path / "elsewhere", files), tmp_path / "r"
    command = (f"{key}=my_package.my_part", "gain=0.5,2")
    sweep(*command, results_dir=results_dir, parts=parts)
    rows = pd.read_parquet(results_dir / "rows")
    assert sorted(rows["gain"]) == [0.5, 2.0]
    assert set(rows[key]) == {"my_package.my_part"} and set(rows["status"]) == {"finished"}
    assert rows["train_loss"].nunique() == 2, "the hyperparameter reaches training"
    assert "nothing to do" in sweep(*command, results_dir=results_dir, parts=parts)
    table = run("sweep.tables", f"results_dir={results_dir}", "gain=2", parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert table.returncode == 0 and "digits" in table.stdout, table.stdout + table.stderr


def test_what_no_part_here_declares_is_not_averaged_over_or_lost(tmp_path: Path) -> None:
    parts, results_dir = package(tmp_path / "elsewhere", QUANTIZER), tmp_path / "r"
    sweep("quantizer=my_package.my_part", "gain=0.5,2", results_dir=results_dir, parts=parts)
    table = run("sweep.tables", f"results_dir={results_dir}")
    assert table.returncode == 1
    assert "its rows have gain, which no part here declares. Make my_package.my_part known: install" in table.stderr
    assert "QSWEEP_PARTS=my_package.my_part" in table.stderr
    sweep("quantizer=lsq", results_dir=results_dir, parts=parts)  # knows no gain, and merges all rows
    rows = pd.read_parquet(results_dir / "rows").set_index("quantizer")
    assert sorted(rows.loc["my_package.my_part", "gain"]) == [0.5, 2.0] and pd.isna(rows.loc["lsq", "gain"])
    again = sweep("quantizer=lsq,my_package.my_part", "gain=0.5,2", results_dir=results_dir, parts=parts)
    assert "nothing to do" in again


def test_rows_of_a_part_that_is_gone(tmp_path: Path) -> None:
    """They are read, shown and counted; only what would average over two values of its hyperparameter leaves them out,
    and only work on them is refused."""
    parts, results_dir = package(tmp_path / "elsewhere", QUANTIZER), tmp_path / "r"
    sweep("quantizer=lsq,my_package.my_part", "gain=2", "keep_weights=true", results_dir=results_dir, parts=parts)
    where = f"results_dir={results_dir}"
    for filtered in ((), ("quantizer=my_package.my_part",)):
        table = run("sweep.tables", where, "format=csv", *filtered)
        assert table.returncode == 0 and "my_package.my_part" in table.stdout, table.stderr
        assert "left out" not in table.stderr, "its rows have one value"
    status = run("sweep.status", where)
    assert status.returncode == 0 and "finished" in status.stdout, status.stderr
    measured = run("sweep.measure", "-m", where, "hydra/launcher=local", "dry_run=true")
    assert measured.returncode == 0 and "left out: 1 run (" in measured.stdout, measured.stdout + measured.stderr
    assert "quantizer=my_package.my_part: not known here; install its package" in measured.stdout
    refused = run("sweep.measure", "-m", where, "hydra/launcher=local", "quantizer=my_package.my_part")
    assert refused.returncode == 1 and "quantizer=my_package.my_part: not known here" in refused.stderr
    sweep("quantizer=my_package.my_part", "gain=3", results_dir=results_dir, parts=parts)
    table = run("sweep.tables", where, "format=csv")
    assert table.returncode == 0 and "lsq" in table.stdout and "my_package" not in table.stdout, table.stderr
    assert "left out: 2 runs that differ in gain, which no part here declares" in table.stderr
    code = run("sweep.accept_code", where)
    assert code.returncode == 0, code.stderr
    said = "left out: 2 rows of parts that are not known here (2 of quantizer=my_package.my_part): install the package"
    assert said in code.stderr
