"""A table in a package of its own: one file, and nothing of this project is touched."""

import os
import subprocess
import sys
from pathlib import Path

from sweep import PROJECT
from sweep.results.rows import rows_store
from tests.conftest import tiny_run
from tests.outside.packages import TABLE, package
from tests.rows_of import row_of


def test_a_table_of_another_package_is_printed(tmp_path: Path) -> None:
    package(tmp_path / "elsewhere", TABLE)
    for bits, seed, loss in ((2, 0, 1.0), (2, 1, 2.0), (32, 0, 0.25)):
        run = tiny_run(bits=bits, seed=seed)
        rows_store(tmp_path).write(run.run_id, [row_of(run, test_loss=loss)])
    table = "**Test loss by bit width.** | bits | test loss | | 2 | 1.500 | | 32 | 0.250 | means over 3 runs"
    shown = [line for line in tabulated(tmp_path, "format=markdown").splitlines() if not line.startswith("|:")]
    assert " ".join(" ".join(shown).split()) == table
    assert tabulated(tmp_path, "format=csv", "bits=2") == "bits,mean,size\n2,1.5,2\n\n"


PARTS = {
    "my_quantizer": """
from sweep.config.part_classes import Quantizer

PART = Quantizer("mine", "two levels", weights=(), printed=("Two Levels",))


def weight_quantizer(run, weight, bits, layer):
    return None
""",
    "my_model": """
from sweep.config.networks import Network

PART = Network(name="mine", meaning="a network", printed=("MyNet",), printed_on=("my_package.my_dataset",))


def build(size, channels, classes, image):
    return None
""",
    "my_dataset": """
from sweep.config.datasets import DataSet
from sweep.config.facts import DataFacts

PART = DataSet("mine", "images", printed=("My Images",), facts=DataFacts(9, 9, 1, 8, 8, 3))


def prepare(source, cache_dir):
    return None


def load(source, cache_dir):
    return None
""",
}
STORE = """
import sys
from pathlib import Path

from sweep.results.rows import rows_store
from tests.conftest import tiny_run
from tests.rows_of import row_of

names = {"dataset": "my_package.my_dataset", "model": "my_package.my_model", "quantizer": "my_package.my_quantizer"}
run = tiny_run(**names, bits=2, base_width=1, width=1, depth=1, step_size_weight_decay=False)
rows_store(Path(sys.argv[1])).write(run.run_id, [row_of(run)])
"""


def test_parts_of_another_package_have_their_printed_names_in_tables(tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "my_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    for name, text in PARTS.items():
        (folder / f"{name}.py").write_text(text)
    known = {"QSWEEP_PARTS": ",".join(f"my_package.{name}" for name in PARTS)}
    done(tmp_path, [sys.executable, "-c", STORE, str(tmp_path)], known)
    table = [sys.executable, "-m", "sweep.tables", f"results_dir={tmp_path}", "format=markdown"]
    cells = [cell.strip() for cell in done(tmp_path, table, known).splitlines()[4].split("|")]
    assert cells[1:4] == ["My Images", "MyNet", "Int2 Two Levels"]


def tabulated(results_dir: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "sweep.tables", "table=my_package.my_part", f"results_dir={results_dir}"]
    return done(results_dir, [*command, *arguments], {})


def done(results_dir: Path, command: list[str], variables: dict[str, str]) -> str:
    """What `command` prints where packages in a folder beside its results are found."""
    paths = os.pathsep.join(map(str, (results_dir / "elsewhere", PROJECT)))
    environment = os.environ | {"PYTHONPATH": paths} | variables
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
