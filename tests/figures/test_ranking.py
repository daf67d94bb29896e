"""Kendall's tau and the granulated tau on points whose pairs one can count."""

import numpy as np
import pandas as pd
import pytest

from sweep.config.measures import FORMS
from sweep.figures.ranking import MEASURES, granulated, kendall, on_axes, rank
from sweep.results.rows import science_columns
from tests.conftest import tiny_run


def points(measure: list[float], gap: list[float], **axes: list[object]) -> pd.DataFrame:
    return pd.DataFrame({"x": measure, "gap": gap, **axes})


def test_kendall_counts_pairs() -> None:
    assert kendall(points([1, 2, 3], [0.1, 0.2, 0.3]), "x") == pytest.approx(1)
    assert kendall(points([1, 2, 3], [3, 2, 1]), "x") == pytest.approx(-1)
    assert kendall(points([1, 2, 3], [1, 3, 2]), "x") == pytest.approx(1 / 3)  # 2 pairs agree, 1 does not


@pytest.mark.parametrize("measure", [[1, 1, 1], [np.nan, np.nan, 2]])
def test_kendall_of_one_value_is_undefined(measure: list[float]) -> None:
    assert np.isnan(kendall(points(measure, [1, 2, 3]), "x"))


def test_kendall_leaves_out_what_has_no_measure() -> None:
    assert kendall(points([1, np.nan, 3], [1, 9, 2]), "x") == pytest.approx(1)


def test_granulated_compares_only_runs_that_differ_in_one_axis() -> None:
    """The measure follows width everywhere; depth moves the gap against it, which makes tau itself negative."""
    data = points([1, 2, 3, 4], [10, 11, 0, 1], depth=[2, 2, 3, 3], width=[8, 10, 8, 10])
    assert kendall(data, "x") == pytest.approx(-1 / 3)  # 2 of 6 pairs agree
    assert granulated(data, "x", ["depth", "width"]) == {"depth": pytest.approx(-1), "width": pytest.approx(1)}


def test_granulated_averages_over_the_settings_of_the_other_axes() -> None:
    data = points([1, 2, 3, 1, 2, 3], [1, 2, 3, 1, 3, 2], depth=[2, 2, 2, 3, 3, 3], width=[8, 10, 12] * 2)
    found = granulated(data, "x", ["depth", "width"])
    assert found["width"] == pytest.approx((1 + 1 / 3) / 2)
    assert np.isnan(found["depth"])  # at one width the measure does not change with depth


def test_granulated_with_one_axis_is_tau() -> None:
    assert granulated(points([1, 2, 3], [1, 3, 2], seed=[0, 1, 2]), "x", ["seed"]) == {"seed": pytest.approx(1 / 3)}


def grid() -> pd.DataFrame:
    """2 optimizers x 2 learning rates of their own x 2 precisions; the gap rises with the learning rate."""
    rates = {"sgd": (0.1, 0.05), "adam": (0.001, 0.0001)}
    runs = [
        tiny_run(optimizer=optimizer, lr=lr, bits=bits, momentum=0.9 if optimizer == "sgd" else 0)
        for optimizer, each in rates.items()
        for lr in each
        for bits in (2, 32)
    ]
    table = pd.DataFrame([science_columns(run) | {"milestones": "1,2", "gap": 10 * run.lr + run.bits} for run in runs])
    return table.assign(**{f"{form}_{name}": table["gap"] for form in FORMS for name in MEASURES})


def test_axes_are_independent() -> None:
    """Learning rates are levels within their optimizer; momentum follows from it, the quantizer from the bits."""
    runs, axes = on_axes(grid())
    assert sorted(axes) == ["bits", "lr", "optimizer"]
    assert sorted(runs["lr"].unique()) == [0, 1]
    assert (runs.groupby(["bits", "optimizer"]).size() == 2).all()


def test_rank_has_every_measure_form_and_pool() -> None:
    runs = grid().assign(raw_l2_norm=lambda table: -table["gap"])
    table = rank(runs).set_index(["measure", "form", "pool"])
    assert len(table) == len(MEASURES) * 2 * 2
    assert table.loc[("distance", "raw", "all"), ["n", "tau", "granulated"]].tolist() == pytest.approx([8, 1, 1])
    assert table.loc[("l2_norm", "raw", "all"), "granulated_bits"] == pytest.approx(-1)
    full = table.loc[("l2_norm", "raw", "full precision")]
    assert full["n"] == 4 and full["tau"] == pytest.approx(-1) and np.isnan(full["granulated_bits"])
