"""A table in a package of its own: one file, and nothing of this project is touched."""

import os
import subprocess
import sys
from pathlib import Path

from sweep import PROJECT
from sweep.results.rows import rows_store
from tests.conftest import tiny_run
from tests.rows_of import row_of

MODULE = """
import pandas as pd

from sweep.tables.table import Table


class LossByBits(Table):
    def lines(self, runs, found):
        finished = runs[runs["status"] == "finished"]
        return finished.groupby("bits")["test_loss"].agg(["mean", "size"]).reset_index()

    def cells(self, lines):
        return pd.DataFrame({"bits": lines["bits"].map(str), "test loss": lines["mean"].map("{:.3f}".format)})

    def notes(self, lines):
        return [f"means over {lines['size'].sum()} runs"]


PART = LossByBits(name="loss", meaning="Test loss by bit width.")
"""


def test_a_table_of_another_package_is_printed(tmp_path: Path) -> None:
    package = tmp_path / "elsewhere" / "my_package"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "my_table.py").write_text(MODULE)
    for bits, seed, loss in ((2, 0, 1.0), (2, 1, 2.0), (32, 0, 0.25)):
        run = tiny_run(bits=bits, seed=seed)
        rows_store(tmp_path).write(run.run_id, [row_of(run, test_loss=loss)])
    table = "**Test loss by bit width.** | bits | test loss | | 2 | 1.500 | | 32 | 0.250 | means over 3 runs"
    shown = [line for line in tabulated(tmp_path, "format=markdown").splitlines() if not line.startswith("|:")]
    assert " ".join(" ".join(shown).split()) == table
    assert tabulated(tmp_path, "format=csv", "bits=2") == "bits,mean,size\n2,1.5,2\n\n"


def tabulated(results_dir: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "sweep.tables", "table=my_package.my_table", f"results_dir={results_dir}"]
    paths = os.pathsep.join(map(str, (results_dir / "elsewhere", PROJECT)))
    environment = os.environ | {"PYTHONPATH": paths}
    done = subprocess.run([*command, *arguments], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
