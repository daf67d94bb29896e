"""Every study in a tiny form, from the command to its table."""

from pathlib import Path

import pandas as pd
import pytest

from sweep import distort, measure, run
from sweep.config.studies import FIRST, STUDIES_DIR, known_studies, study_table_of
from sweep.tables import __main__ as tables
from tests.inline import run_inline

TINY = (
    "dataset=digits", "model=nin", "base_width=2", "width=1", "depth=2", "train_subset=128", "test_subset=64",
    "epochs=1", "seed=0",
)  # fmt: skip
QUICK = (
    "measure.noise_samples=1", "measure.restarts=1", "measure.ascent_steps=1", "measure.search_steps=1",
    "measure.curvature_images=50", "measure.regularizer_images=50", "measure.linf_iterations=1",
    "measure.hessian_iterations=2",
)  # fmt: skip
ONE_CORRUPTION = ("corruption=contrast", "severity=1,5", "workers=1")


@pytest.mark.parametrize("study", known_studies())
def test_it_runs_and_its_table_is_built(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if (STUDIES_DIR / f"{study}{FIRST}.yaml").exists():
        train(f"{study}{FIRST}", tmp_path, monkeypatch)
    train(study, tmp_path, monkeypatch)
    rows = pd.read_parquet(tmp_path / "rows")
    assert (rows["study"] == study).all() and (rows["status"] == "finished").all()
    for command, quick in ((measure, QUICK), (distort, ONE_CORRUPTION)):
        if command.__name__ == f"sweep.{study_table_of(study).after}":
            run_inline(command, monkeypatch, "-m", *quick, f"results_dir={tmp_path}")
    table = tmp_path / "table.parquet"
    arguments = [f"study={study}", f"results_dir={tmp_path}", "format=parquet", f"output={table}"]
    monkeypatch.setattr("sys.argv", ["sweep.tables", *arguments])
    tables.main()
    named = {run_id for ids in pd.read_parquet(table)["run_ids"] for run_id in ids}
    assert named == set(rows["run_id"])


def train(study: str, results_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a study starts from torchvision's weights, which are not here, its tiny form starts from random ones."""
    is_given = "pretrained" in (STUDIES_DIR / f"{study}.yaml").read_text()
    without = ["initial_weights=random", "teacher=none", "crops=1"] if is_given else []
    run_inline(run, monkeypatch, "-m", f"study={study}", *TINY, *without, f"results_dir={results_dir}")
