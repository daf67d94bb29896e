"""Which runs belong together, and what is blanked."""

from pathlib import Path

import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.report.axes import find_axes, precisions
from tests.conftest import tiny_run
from tests.report.results import contents_of, full_results, gap, grid, write_rows
from tests.tables.stored import store_sweep


def test_pairs_differ_in_precision_alone(tmp_path: Path) -> None:
    runs = full_results(tmp_path)
    shown = contents_of(tmp_path).runs
    assert len(runs) == 8 and shown.groupby("pair").size().tolist() == [2, 2, 2, 2]
    assert (shown.groupby("pair")["seed"].nunique() == 1).all() and (shown.groupby("pair")["lr"].nunique() == 1).all()
    assert shown.groupby("pair")["quantization"].agg(list).tolist() == [["FP32", "Int2"]] * 4


def test_the_gap_less_that_of_the_partner(tmp_path: Path) -> None:
    full_results(tmp_path)
    shown = contents_of(tmp_path).runs
    assert shown.loc[shown["bits"] == 32, "gap_change"].isna().all()
    finished = shown[(shown["bits"] == 2) & (shown["status"] == "finished")]
    assert finished["gap_change"].tolist() == pytest.approx([-0.3, -0.3])


def test_results_of_runs_that_did_not_finish_are_blank(tmp_path: Path) -> None:
    write_rows(tmp_path, {tiny_run(): {"status": "diverged", "gap": 7.0}, tiny_run(seed=1): gap(0.25)})
    shown = contents_of(tmp_path).runs.set_index("seed")
    assert pd.isna(shown.loc[0, "gap"]) and shown.loc[1, "gap"] == 0.25


def test_outcomes(tmp_path: Path) -> None:
    store_sweep(
        tmp_path,
        {
            tiny_run(seed=0): {},
            tiny_run(seed=1): {"at_chance": True},
            tiny_run(seed=2): {"status": "diverged"},
            tiny_run(seed=3): {"status": "failed"},
            tiny_run(seed=4): None,
        },
    )
    outcomes = contents_of(tmp_path).runs.set_index("seed")["outcome"].sort_index()
    assert outcomes.tolist() == ["finished", "at chance", "diverged", "failed", "missing"]


def test_axes_are_what_varies_and_is_not_decided_by_another(tmp_path: Path) -> None:
    sgd = grid(optimizer=["sgd"], momentum=[0.9], bits=[32, 4, 2])
    adam = grid(optimizer=["adam"], momentum=[0.0], lr=[1e-05, 0.001], bits=[32, 4, 2])
    write_rows(tmp_path, dict.fromkeys([*sgd, *adam], gap(0.1)))
    axes = {axis.name: axis.levels for axis in contents_of(tmp_path).axes}
    assert axes == {
        "optimizer": ("adam", "sgd"), "lr": ("1e-05", "0.001", "0.05", "0.1"), "seed": ("0", "1"),
    }  # fmt: skip


def test_an_axis_of_many_numbers_has_no_levels(tmp_path: Path) -> None:
    write_rows(tmp_path, dict.fromkeys(grid(lr=[0.01 * i for i in range(1, 14)]), gap(0.1)))
    axes = {axis.name: axis.levels for axis in contents_of(tmp_path).axes}
    assert axes == {"lr": (), "seed": ("0", "1")}
    assert find_axes(contents_of(tmp_path, lr="0.05").runs)[0].name == "seed"


def test_precisions_have_colours_of_their_own(tmp_path: Path) -> None:
    by_bits = grid(bits=[32, 8, 4, 2])
    write_rows(tmp_path, dict.fromkeys(by_bits, gap(0.1)))
    shown = precisions(contents_of(tmp_path).runs)
    assert [each["label"] for each in shown] == ["FP32", "Int8", "Int4", "Int2"]
    assert shown[0]["colour"] == "currentColor" and len({each["colour"] for each in shown}) == 4
    write_rows(tmp_path, dict.fromkeys(grid(bits=[4, 2], quantizer=["dorefa"]), gap(0.1)))
    shown = precisions(contents_of(tmp_path).runs)
    assert [each["label"] for each in shown] == ["FP32", "Int8", "Int4", "Int4 DoReFa", "Int2", "Int2 DoReFa"]
    assert len({each["colour"] for each in shown}) == 6


def test_settings_are_what_tables_do_not_average(tmp_path: Path) -> None:
    write_rows(tmp_path, dict.fromkeys(grid(epochs=[3, 6]), gap(0.1)))
    settings = contents_of(tmp_path).runs["setting"].value_counts()
    assert settings.to_dict() == {
        "dataset=digits, model=nin, epochs=3, milestones=1,2": 8,
        "dataset=digits, model=nin, epochs=6, milestones=2,4": 8,
    }


def test_nothing_to_report(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no rows there; `python -m sweep\.run` writes them"):
        contents_of(tmp_path)
    full_results(tmp_path)
    with pytest.raises(ConfigError, match="bits=8: no run has it; there are 2, 32"):
        contents_of(tmp_path, bits="8")
