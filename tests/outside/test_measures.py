"""To add a measure: one file, here in a package outside of this one."""

from pathlib import Path

import pandas as pd
import pytest

from tests.outside.commands import run, sweep
from tests.outside.packages import MEASURE, package

NORMS = ("measure=norms+my_package.my_part", "measure.power=1,2", "device=cpu", "hydra/launcher=local")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The folder of the package, and a results directory with runs that kept their weights."""
    parts, results_dir = package(tmp_path_factory.mktemp("parts") / "p", MEASURE), tmp_path_factory.mktemp("results")
    sweep("bits=2,32", "keep_weights=true", results_dir=results_dir, parts=parts)
    return parts, results_dir


def test_a_measure_from_outside_is_measured_resumed_and_tabulated(trained: tuple[Path, Path]) -> None:
    parts, results_dir = trained
    first = run("sweep.measure", *NORMS, f"results_dir={results_dir}", parts=parts)
    assert first.returncode == 0, first.stdout + first.stderr
    rows = pd.read_parquet(results_dir / "measures")
    assert (rows["status"] == "finished").all() and set(rows["measure_measures"]) == {"norms+my_package.my_part"}
    by_power = rows.set_index(["measure_power", "run_id"]).sort_index()
    assert by_power.loc[2.0, "raw_p_norm"].tolist() == pytest.approx(by_power.loc[2.0, "raw_l2_norm"].tolist())
    assert (by_power.loc[1.0, "raw_p_norm"] > by_power.loc[2.0, "raw_p_norm"]).all(), "the setting reaches it"
    assert set(rows["tensors"]) == {7} and rows["raw_hessian_eigenvalue"].isna().all(), "what is not asked for is not"

    again = run("sweep.measure", *NORMS, f"results_dir={results_dir}", parts=parts)
    assert "nothing to do" in again.stdout, again.stdout + again.stderr
    asked = ("table=2", "measure=norms+my_package.my_part", "measure.power=1", f"results_dir={results_dir}")
    table = run("sweep.tables", *asked, "format=csv", parts=parts)
    assert table.returncode == 0, table.stderr
    means = by_power.loc[1.0].groupby(lambda run_id: rows_bits(results_dir)[run_id])["raw_p_norm"].mean()
    lines = pd.read_csv(pd.io.common.StringIO(table.stdout)).query("form == 'raw'").set_index("bits")
    assert lines["p_norm"].to_dict() == pytest.approx(means.to_dict())
    assert "p norm" in run("sweep.tables", *asked, parts=parts).stdout


def rows_bits(results_dir: Path) -> dict[str, int]:
    rows = pd.read_parquet(results_dir / "rows")
    return dict(zip(rows["run_id"], rows["bits"], strict=True))


def test_an_edit_of_it_makes_its_measurements_stale_and_no_others(trained: tuple[Path, Path]) -> None:
    parts, results_dir = trained
    asked = ("device=cpu", "hydra/launcher=local", f"results_dir={results_dir}")
    file = parts / "my_package" / "my_part.py"
    for measure in ("my_package.my_part", "norms"):
        done = run("sweep.measure", f"measure={measure}", *asked, parts=parts)
        assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(file.read_text().replace(".item()}", ".item() + 1}"))
    try:
        planned = {
            measure: run("sweep.measure", f"measure={measure}", *asked, "dry_run=true", parts=parts).stdout
            for measure in ("my_package.my_part", "norms")
        }
    finally:
        file.write_text(MEASURE)
    assert "stale: measured by other code" in planned["my_package.my_part"]
    assert "for 2 runs" in planned["norms"] and "stale: measured by other code" not in planned["norms"]


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('"p_norm", float', '"l2_norm", float', "both declare the column raw_l2_norm: rename one"),
        ('"tensors", int', '"seconds", int', "every row of measures has a column seconds: rename yours"),
        ('"tensors", int', '"tensors", dict', "the column tensors has the type <class 'dict'>: allowed are int, float"),
        ('table="2"', 'table="two"', "p_norm has table=two: allowed are 2, 3, the module of a table from outside, or"),
        ('table="2"', 'table="my_package.gone"', "p_norm has table=my_package.gone: allowed are 2, 3, the module"),
        ("neutral=2.0, ", "", "power of my_package.my_part needs a neutral value"),
        ('"power", float', '"seed", float', "seed: a part declares it, and every measurement has it"),
        ("def of_run(subject)", "def of_runs(subject)", "has no of_run(subject), which is called"),
    ],
)
def test_a_faulty_measure(before: str, after: str, message: str, tmp_path: Path) -> None:
    assert before in MEASURE
    parts = package(tmp_path / "elsewhere", MEASURE.replace(before, after))
    done = run("sweep.measure", "measure=my_package.my_part", f"results_dir={tmp_path}", parts=parts)
    assert done.returncode == 1 and message in done.stderr.replace("\n", " "), done.stderr


def test_a_measure_that_is_not_there(tmp_path: Path) -> None:
    done = run("sweep.measure", "measure=my_package.my_part", "hydra/launcher=local", f"results_dir={tmp_path}")
    assert done.returncode == 1 and "my_package.my_part" in done.stderr, done.stderr
    done = run("sweep.measure", "measure=norm", "hydra/launcher=local", f"results_dir={tmp_path}")
    assert "measure=norm: allowed are" in done.stderr and "did you mean norms?" in done.stderr, done.stderr
