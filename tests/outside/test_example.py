"""docs/examples/ternary: installed, its quantizer and its measure are known by their entry points alone."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sweep import PROJECT
from tests.outside.commands import run, sweep

EXAMPLE = PROJECT / "docs" / "examples" / "ternary"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    flags = ("--quiet", "--no-build-isolation", "--no-deps", "--target", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "install", *flags, str(EXAMPLE)], check=True)
    return folder


def test_it_is_swept_beside_ours(installed: Path, tmp_path: Path) -> None:
    command = ("quantizer=lsq,qsweep_ternary.twn",)
    sweep(*command, results_dir=tmp_path, parts=installed)
    rows = pd.read_parquet(tmp_path / "rows").set_index("quantizer")
    assert rows["status"].to_dict() == {"lsq": "finished", "qsweep_ternary.twn": "finished"}
    assert rows["twn_threshold"].to_dict() == {"lsq": 0.0, "qsweep_ternary.twn": 0.7}, "as its yaml says"
    assert "nothing to do" in sweep(*command, results_dir=tmp_path, parts=installed)
    table = run("sweep.tables", f"results_dir={tmp_path}", parts=installed)
    assert "qsweep_ternary.twn" in table.stdout, table.stderr


def test_its_measure_counts_the_zeros(installed: Path, tmp_path: Path) -> None:
    """A threshold of 0 leaves none, and one above every weight leaves nothing else."""
    thresholds = ("twn_threshold=0,1000000",)
    sweep("quantizer=qsweep_ternary.twn", *thresholds, "keep_weights=true", results_dir=tmp_path, parts=installed)
    asked = ("measure=qsweep_ternary.zeros", "device=cpu", "hydra/launcher=local", f"results_dir={tmp_path}")
    done = run("sweep.measure", *asked, parts=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(tmp_path / "rows").merge(pd.read_parquet(tmp_path / "measures"), on="run_id")
    assert rows.set_index("twn_threshold")["raw_zero_share"].to_dict() == {0.0: 0.0, 1e6: 1.0}
    shown = run("sweep.tables", "table=2", f"results_dir={tmp_path}", parts=installed).stdout
    assert "zero share" in shown


def test_what_it_cannot_go_with(installed: Path, tmp_path: Path) -> None:
    done = run("sweep.run", "quantizer=qsweep_ternary.twn", "bits=4", f"results_dir={tmp_path}", parts=installed)
    assert "bits=4 with quantizer=qsweep_ternary.twn: allowed is bits=2, for three levels" in done.stderr
