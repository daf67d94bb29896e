"""Table 1 on rows whose gaps can be done in one's head."""

from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.plan.plan import make_plan
from sweep.results.rows import rows_store
from sweep.results.select import narrow, planned_and_stored
from sweep.tables.__main__ import main
from sweep.tables.display import text_of
from sweep.tables.parts.qgen_table1 import PART, printed
from tests.conftest import DIGITS, tiny_run
from tests.rows_of import row_of
from tests.tables.stored import FACTS, store_sweep
from tests.todays_code import today


def losses(train: float, test: float) -> dict[str, object]:
    return {"train_loss": train, "test_loss": test, "gap": test - train}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """At 32 bits gaps 0.5, 1.0, 1.5; at 2 bits 0.25, 0.5, one diverged; at 4 bits one missing and one failed."""
    store_sweep(
        tmp_path,
        {
            tiny_run(bits=32, seed=0): losses(0.5, 1.0) | {"train_acc": 1.0},
            tiny_run(bits=32, seed=1): losses(0.5, 1.5) | {"train_acc": 0.5},
            tiny_run(bits=32, seed=2): losses(0.5, 2.0) | {"train_acc": 0.75},
            tiny_run(bits=2, seed=0): losses(1.0, 1.25),
            tiny_run(bits=2, seed=1): losses(1.0, 1.5) | {"at_chance": True},
            tiny_run(bits=2, seed=2): {"status": "diverged", "gap": None, "train_loss": None},
            tiny_run(bits=4, seed=0): losses(0.5, 1.25),
            tiny_run(bits=4, seed=1): None,
            tiny_run(bits=4, seed=2): {"status": "failed", "gap": None},
        },
    )
    return tmp_path


def of_runs(runs: pd.DataFrame) -> pd.DataFrame:
    return PART.lines(runs, runs)


def table_of(results: Path) -> pd.DataFrame:
    return of_runs(planned_and_stored(results))


def test_counts_means_and_spread(results: Path) -> None:
    table = table_of(results).set_index("bits")
    assert table.index.tolist() == [32, 4, 2]
    counts = table[["n", "missing", "failed", "diverged", "at_chance"]]
    assert counts.loc[32].tolist() == [3, 0, 0, 0, 0]
    assert counts.loc[4].tolist() == [1, 1, 1, 0, 0]
    assert counts.loc[2].tolist() == [2, 0, 0, 1, 1]
    assert table.loc[32, "gap"] == 1.0
    assert table.loc[32, "gap_se"] == pytest.approx(0.5 / 3**0.5)  # standard deviation of .5, 1, 1.5 is .5
    assert table.loc[32, "train_acc"] == 0.75
    assert table.loc[2, "gap"] == 0.375
    assert table.loc[4, "gap"] == 0.75 and pd.isna(table.loc[4, "gap_se"])


def test_paired_differences_to_full_precision(results: Path) -> None:
    table = table_of(results).set_index("bits")
    # seeds 0 and 1: .25 - .5 and .5 - 1; mean -.375, standard deviation .25 / sqrt 2, t(.975, 1) = 12.7062
    assert table.loc[2, "pairs"] == 2
    assert table.loc[2, "gap_change"] == -0.375
    half = 12.7062 * (0.25 / 2**0.5) / 2**0.5
    assert table.loc[2, "gap_change_low"] == pytest.approx(-0.375 - half, abs=1e-4)
    assert table.loc[2, "gap_change_high"] == pytest.approx(-0.375 + half, abs=1e-4)
    assert (table.loc[4, "pairs"], table.loc[4, "gap_change"]) == (1, 0.25)
    assert pd.isna(table.loc[4, "gap_change_low"])
    assert table.loc[32, "pairs"] == 0 and pd.isna(table.loc[32, "gap_change"])


def test_every_cell_names_its_runs(results: Path) -> None:
    table = table_of(results).set_index("bits")
    assert table.loc[2, "run_ids"] == [tiny_run(bits=2, seed=seed).run_id for seed in (0, 1)]


def test_other_settings_are_never_averaged_together(results: Path) -> None:
    for changes in ({"epochs": 6}, {"base_width": 3}, {"train_subset": 100}):
        run = tiny_run(bits=32, **changes)
        rows_store(results).write(run.run_id, [row_of(run, gap=100.0)])
    table = table_of(results)
    assert len(table) == 3 + 3
    assert sorted(table["gap"])[-3:] == [100.0] * 3 and sorted(table["gap"])[-4] == 1.0
    assert {"epochs", "base_width", "train_subset"} < set(PART.cells(table).columns)


def test_update_rules_are_lines_of_their_own_paired_with_full_precision_of_the_same_rule(tmp_path: Path) -> None:
    """At full precision the cases of SAQ are one, which stands for each."""
    saq = {"rule": "saq", "rho": 0.1}
    runs = {tiny_run(bits=bits): losses(0.5, 1.0) for bits in (4, 32)}
    runs |= {tiny_run(bits=4, **saq, saq_case=case): losses(0.5, 1.0 + case) for case in (1, 3)}
    store_sweep(tmp_path, runs | {tiny_run(bits=32, **saq, saq_case=3): losses(0.5, 2.0)})
    table = table_of(tmp_path)
    changes = table[table["bits"] == 4].set_index("saq_case")["gap_change"]
    assert changes.to_dict() == {0: 0.0, 1: 0.0, 3: 2.0}
    shown = PART.cells(table)
    assert set(shown["rule"]) == {"plain", "SAQ"}
    assert set(shown["precision"]) == {"FP32", "Int4", "Int4, saq_case=1", "Int4, saq_case=3"}


@pytest.mark.parametrize(("changes", "told"), [({}, False), ({"rule": "sam", "rho": 0.1}, True)])
def test_rules_are_told_where_there_is_one(changes: dict[str, Any], told: bool, tmp_path: Path) -> None:
    store_sweep(tmp_path, {tiny_run(bits=4, **changes): losses(0.5, 1.0)})
    note = PART.notes(table_of(tmp_path))[0]
    assert ("rule=sam" in note and "rho=0.1" in note) == told
    assert "combine=" not in note and "batch_size=64" in note


def test_the_label_of_a_precision_says_how_it_was_reached(tmp_path: Path) -> None:
    changes: list[dict[str, object]] = [
        {"bits": 32},
        {"bits": 4},
        {"bits": 4, "act_bits": 8, "first_last": "8"},
        {"bits": 4, "quantizer": "dorefa"},
        {"bits": 4, "quantizer": "noise_tempering", "tempering_c": 0.2, "tempering_k": 50},
    ]
    store_sweep(tmp_path, {tiny_run(**change): losses(0.5, 1.0) for change in changes})
    assert set(PART.cells(table_of(tmp_path))["precision"]) == {
        "FP32",
        "Int4",
        "Int4/A8, ends 8",
        "Int4 DoReFa",
        "Int4 noise tempering, tempering_c=0.2, tempering_k=50.0",
    }


def test_quantized_activations_are_not_the_papers(tmp_path: Path) -> None:
    runs = [
        tiny_run(dataset="cifar10", base_width=25, train_subset=0, bits=4, act_bits=bits) for bits in (32, 8)
    ]  # fmt: skip
    store_sweep(tmp_path, {run: losses(0.5, 1.0) for run in runs})
    table = table_of(tmp_path).set_index("act_bits")
    assert table["published_gap"].notna().to_dict() == {32: True, 8: False}


def test_incompleteness_is_said(results: Path) -> None:
    text = text_of(PART, table_of(results), "terminal")
    assert "INCOMPLETE: of 9 runs 1 have no result yet and 1 failed" in text
    assert "1 runs diverged: counted, not in the means" in text
    assert "1 runs never left chance level: in the means" in text
    assert "epochs=3" in text and "base_width=2" in text
    complete = narrow(planned_and_stored(results), {"bits": "32"})
    assert "INCOMPLETE" not in text_of(PART, of_runs(complete), "terminal")


def test_rows_of_different_code_are_said(results: Path) -> None:
    run = tiny_run(bits=32, seed=1)
    rows_store(results).write(run.run_id, [row_of(run, code="old")])
    assert "mix rows of different code" in text_of(PART, table_of(results), "terminal")


def test_published_values_stand_beside_the_papers_data_set_only(tmp_path: Path) -> None:
    digits_run = tiny_run(bits=2)
    cifar_run = tiny_run(bits=2, dataset="cifar10", base_width=25)
    jpeg_run = tiny_run(bits=2, dataset="cifar10-jpeg", base_width=25)
    narrow_run = tiny_run(bits=2, dataset="cifar100")
    for run in (digits_run, cifar_run, jpeg_run, narrow_run):
        rows_store(tmp_path).write(run.run_id, [row_of(run)])
    table = table_of(tmp_path).set_index("dataset")
    assert table.loc["cifar10", "published_gap"] == 0.224
    assert table.loc["cifar10", "published_train_acc"] == pytest.approx(0.934)
    assert table.loc[["digits", "cifar10-jpeg", "cifar100"], "published_gap"].isna().all()
    assert text_of(PART, table_of(tmp_path), "terminal").count("published") == 1


def test_published_table_is_qgens() -> None:
    table = printed("qgen_table1")
    assert table.loc[("CIFAR-10", "NiN", "", "FP32"), "gap"] == 0.302
    assert table.loc[("CIFAR-100", "NiN", "LSQ", "Int2"), "test_loss"] == 1.537
    assert len(table) == 20


@pytest.mark.parametrize("style", ["terminal", "markdown", "latex"])
def test_text_formats_have_every_cell(results: Path, style: str) -> None:
    text = text_of(PART, table_of(results), style)
    for cell in ("FP32", "Int4", "Int2", "1.000", "0.375", "-0.375", "+0.250"):
        assert cell in text
    assert ("±" in text) != (style == "latex")


def test_csv_and_parquet_are_exact(results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = table_of(results)
    read = pd.read_csv(StringIO(text_of(PART, table, "csv")))
    assert read["gap"].tolist() == table["gap"].tolist()
    arguments = ["tables", f"results_dir={results}", "format=parquet", f"output={tmp_path / 't.parquet'}"]
    monkeypatch.setattr("sys.argv", arguments)
    main()
    stored = pd.read_parquet(tmp_path / "t.parquet")
    assert [list(ids) for ids in stored["run_ids"]] == table["run_ids"].tolist()
    assert stored["gap_change"].tolist()[2] == -0.375


def test_one_sweep_of_several(results: Path) -> None:
    other = {tiny_run(bits=32, seed=9): losses(0.0, 9.0)}
    store_sweep(results, other)  # type: ignore[arg-type]
    sweep = make_plan("study", [(run, DIGITS) for run in other], FACTS, [], today, "cpu").sweep_id
    assert len(planned_and_stored(results)) == 10
    assert planned_and_stored(results, sweep)["gap"].tolist() == [9.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["format=pdf"], "format=pdf: allowed are terminal, markdown, latex, html, csv, parquet"),
        (["format=parquet"], "format=parquet needs output=FILE"),
        (["results_dir=/nowhere"], "results_dir=/nowhere: no rows there; `python -m sweep.run` writes them"),
        (["widht=3"], "widht=3: there is no such key; did you mean width"),
        (["bits=3"], "bits=3: no run has it; there are 2, 4, 32"),
        (["sweep=abc"], "sweep=abc: no such sweep"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments if "results_dir" in arguments[0] else [f"results_dir={results}", *arguments]
    monkeypatch.setattr("sys.argv", ["tables", *given])
    with pytest.raises(ConfigError, match=message):
        main()


@pytest.mark.parametrize(
    "given",
    [
        {"bits": "2,4"},
        {"lr": "0.10"},
        {"first_last": "b"},
        {"step_size_weight_decay": "False"},
        {"milestones": "1,2"},
    ],
)
def test_narrowing_compares_values_not_spelling(results: Path, given: dict[str, str]) -> None:
    assert len(narrow(planned_and_stored(results), given)) == (6 if "bits" in given else 9)
