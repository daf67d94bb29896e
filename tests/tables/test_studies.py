"""A study's table on rows whose means can be done in one's head, beside the paper's numbers."""

from pathlib import Path

import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig
from sweep.config.studies import study_table_of
from sweep.results.rows import measures_store
from sweep.results.select import finished_measures, planned_and_stored
from sweep.tables.display import text_of
from sweep.tables.studies import StudyTable, study_table
from tests.conftest import tiny_run
from tests.measure_row_of import measure_row_of
from tests.tables.stored import store_sweep

NETWORK = {"dataset": "cifar100", "model": "cifar_resnet18", "base_width": 64}


def tempered(**changes: object) -> RunConfig:
    return tiny_run(**NETWORK, quantizer="noise_tempering", tempering_k=50.0, **changes)


def the_table(study: str) -> StudyTable:
    return study_table(study, study_table_of(study))


def table_of(results_dir: Path, study: str) -> pd.DataFrame:
    return the_table(study).lines(planned_and_stored(results_dir, study=study), finished_measures(results_dir))


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store_sweep(
        tmp_path,
        {
            tiny_run(**NETWORK, bits=32): {"test_acc": 0.75},
            tempered(bits=2, tempering_c=0.1, seed=0): {"test_acc": 0.5},
            tempered(bits=2, tempering_c=0.1, seed=1): {"test_acc": 0.75},
            tempered(bits=2, tempering_c=0.1, seed=2): {"status": "diverged", "test_acc": None},
            tempered(bits=2, tempering_c=0.4, seed=0): None,
        },
        "tempering_table4",
    )
    store_sweep(tmp_path, {tiny_run(**NETWORK, bits=4): {"test_acc": 0.25}}, "other")
    return tmp_path


def test_lines_have_the_published_names_and_numbers(results: Path) -> None:
    """Means over seeds in the paper's unit; it has 77.7 for FP and 76.6 for c = 0.1 at 2 bits."""
    table = table_of(results, "tempering_table4").set_index(["line_method", "line_precision", "line_option"])
    full, tenth = table.loc[("FP", "FP32", "")], table.loc[("noise tempering", "Int2", "c=0.1")]
    assert (full["line_dataset"], full["line_model"]) == ("CIFAR-100", "ResNet-18")
    assert (full["top1"], full["n"], full["published_top1"]) == (75.0, 1, 77.7)
    assert (tenth["top1"], tenth["n"], tenth["diverged"], tenth["published_top1"]) == (62.5, 2, 1, 76.6)
    assert tenth["top1_se"] == pytest.approx(12.5)  # of 50 and 75
    missing = table.loc[("noise tempering", "Int2", "c=0.4")]
    assert (missing["n"], missing["missing"]) == (0, 1) and pd.isna(missing["top1"])
    assert len(table) == 3  # nothing of the other study


def test_the_text_says_what_is_missing_and_where_published_numbers_are(results: Path) -> None:
    text = text_of(the_table("tempering_table4"), table_of(results, "tempering_table4"), "markdown")
    assert "62.50 ± 12.50" in text and "top1 published" in text and "INCOMPLETE: 1 runs have no result yet" in text
    assert "results/published/noise_tempering_table4.csv" in text


def test_measured_metrics_are_taken_at_their_radius(tmp_path: Path) -> None:
    run = tempered(bits=2, tempering_c=0.2)
    store_sweep(tmp_path, {run: {}}, "tempering_table3")
    study = the_table("tempering_table3")
    unmeasured = table_of(tmp_path, "tempering_table3")
    assert "not measured: sharpness rho=0.001" in text_of(study, unmeasured, "markdown")
    row = measure_row_of(run, raw_linf_subspace=[6.0, 2.5])
    measures_store(tmp_path).write(row["task_id"], [row])
    line = table_of(tmp_path, "tempering_table3").iloc[0]
    assert (line["sharpness rho=0.001"], line["sharpness rho=0.0005"]) == (6.0, 2.5)
    assert line["published_sharpness rho=0.0005"] == 2.58


def test_a_study_that_is_not_there(results: Path) -> None:
    with pytest.raises(ConfigError, match="no such study; did you mean tempering_table4"):
        study_table_of("tempring_table4")
    with pytest.raises(ConfigError, match=r"no sweep of it in .* -m study=tempering_table1` trains it"):
        planned_and_stored(results, study="tempering_table1")
