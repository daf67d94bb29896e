"""What a report says of results that lack something."""

from pathlib import Path

import pytest

from sweep.report.corruptions import corrupted_runs
from sweep.report.sections import Section, sections
from tests.conftest import tiny_run
from tests.report.results import contents_of, full_results, gap, grid, write_distortion, write_measure, write_rows
from tests.tables.stored import store_sweep


def sections_of(results_dir: Path) -> dict[str, Section]:
    return {section.id: section for section in sections(contents_of(results_dir))}


def titles(section: Section) -> list[str]:
    return [chart.title for chart in section.charts]


def test_everything(tmp_path: Path) -> None:
    full_results(tmp_path)
    found = sections_of(tmp_path)
    assert titles(found["gaps"]) == ["All runs", "By lr", "By seed"]
    assert titles(found["learning-rates"]) == ["sgd"]
    assert titles(found["one-run"]) == ["loss (nats)", "accuracy (share of 1)"]
    assert [table.title for table in found["trouble"].tables] == [
        "Diverged runs",
        "Failed runs, by the end of their trace",
    ]
    assert found["trouble"].text[0] == "at chance: 0 of 8; diverged: 1 of 8; failed: 1 of 8; missing: 0 of 8."
    assert len([title for title in titles(found["flatness"]) if "landscape" in title]) == 4
    assert titles(found["corruptions"])[1] == "Accuracy less that of the same run at full precision"


def test_one_run_and_no_more(tmp_path: Path) -> None:
    write_rows(tmp_path, {tiny_run(): gap(0.1)})
    found = sections_of(tmp_path)
    assert titles(found["gaps"]) == ["All runs"] and not found["trouble"].charts
    assert "no full-precision run" in found["gaps"].text[1] and "one precision" in found["gaps"].text[2]
    assert found["learning-rates"].text == ["Every optimizer was run with one learning rate."]
    assert found["one-run"].text[0] == "No curves are stored with these runs."
    assert "`python -m sweep.measure" in found["flatness"].text[0]
    assert "`python -m sweep.distort" in found["corruptions"].text[0]


def test_a_sweep_in_progress(tmp_path: Path) -> None:
    runs = grid()
    store_sweep(tmp_path, {run: gap(0.1) if run.seed == 0 else None for run in runs})
    found = sections_of(tmp_path)
    assert "not complete" in found["what-ran"].text[1]
    (missing,) = found["what-ran"].tables[2].run_ids
    assert set(missing) == {run.run_id for run in runs if run.seed == 1}
    assert found["what-ran"].tables[2].lines == (("all runs with seed=1",),)


def test_nothing_finished_yet(tmp_path: Path) -> None:
    store_sweep(tmp_path, {run: {"status": "failed", "error": "boom", "gap": None} for run in grid()})
    found = sections_of(tmp_path)
    assert found["trouble"].tables[0].lines == (("boom", "all runs"),)
    assert found["tables"].tables[0].lines[0][2:4] == ("FP32", "0")


def test_several_data_sets_and_networks(tmp_path: Path) -> None:
    runs = grid(dataset=["digits", "mine"]) + grid(model=["resnet20"], seed=[0])
    write_rows(tmp_path, dict.fromkeys(runs, gap(0.1)))
    found = sections_of(tmp_path)
    assert titles(found["gaps"]) == ["All runs", "By dataset", "By model", "By lr", "By seed"]
    assert len(found["tables"].tables[0].lines) == 6


def test_measured_without_quantized_runs(tmp_path: Path) -> None:
    runs = grid(bits=[32])
    write_rows(tmp_path, dict.fromkeys(runs, gap(0.1)))
    for run in runs:
        write_measure(tmp_path, run)
        write_distortion(tmp_path, run, "fog", 1, 0.5)
    found = sections_of(tmp_path)
    assert "Step size by layer" not in titles(found["flatness"])
    assert titles(found["corruptions"]) == [
        "Accuracy on corrupted images",
        "Loss on corrupted test images less loss on clean training images (nats)",
    ]


def test_corrupted_accuracy_against_the_partner(tmp_path: Path) -> None:
    full_results(tmp_path)
    values = corrupted_runs(contents_of(tmp_path)).merge(contents_of(tmp_path).runs[["run_id", "bits"]])
    quantized, full = values[values["bits"] == 2], values[values["bits"] == 32]
    assert quantized["acc_change"].tolist() == pytest.approx([-0.25] * 4) and full["acc_change"].isna().all()
    assert full["gap"].tolist() == pytest.approx([1.5] * 8)  # 2 on corrupted images, 0.5 in training
