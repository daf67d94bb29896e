"""Grids: dependent axes, order, errors."""

import pytest

from sweep.config.checks import ConfigError
from sweep.config.grid import Axis, composed_and_merged, expand, fixed_axis, parse_axes, parse_parts

LR = {"by": "optimizer", "sgd": [0.1], "adam": [0.001, 0.0005]}


def test_an_axis_that_depends_on_another_comes_after_it() -> None:
    axes = parse_axes({"lr": LR, "optimizer": ["sgd", "adam"], "bits": [2, 4]})
    points = list(expand(list(axes.values()), {"seed": 5}))
    assert len(points) == 2 * (1 + 2)
    assert {(p["optimizer"], p["lr"]) for p in points} == {("sgd", 0.1), ("adam", 0.001), ("adam", 0.0005)}
    assert all(p["seed"] == 5 for p in points)


def test_an_axis_may_depend_on_a_fixed_value() -> None:
    depth = parse_axes({"depth": {"by": "dataset", "cifar100": [3, 4, 5], "otherwise": [2, 3]}})["depth"]
    assert depth.at({"dataset": "cifar100"}) == (3, 4, 5)
    assert depth.at({"dataset": "digits"}) == (2, 3)


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"lrr": [1]}, "axis lrr: there is no such key; did you mean lr"),
        ({"lr": []}, r"axis lr=\[\]: a list of one or more values is needed"),
        ({"lr": 0.1}, r"axis lr=0.1: a list"),
        ({"lr": "fast"}, r"axis lr=fast: a list"),
        ({"depth": [2, 0]}, "depth=0: allowed is a whole number from 1 up"),
        ({"lr": {"by": "weather", "wet": [1]}}, "axis lr: `by: weather` must name one of"),
        ({"lr": {"by": "lr", "wet": [1]}}, "axis lr: `by: lr` must name one of"),
        ({"lr": {"by": "optimizer", "sgd": [-1]}}, "lr=-1: allowed is a number above 0"),
        ({"data_sha256": ["x"]}, "axis data_sha256: there is no such key"),
    ],
)
def test_impossible_axes(axes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_axes(axes)


def test_a_value_that_an_axis_has_nothing_for() -> None:
    axes = list(parse_axes({"lr": LR}).values())
    with pytest.raises(ConfigError, match=r"axis lr: no values for optimizer=rmsprop; the grid has them for sgd, adam"):
        list(expand(axes, {"optimizer": "rmsprop"}))


def test_an_axis_that_goes_by_what_has_no_value() -> None:
    depth = parse_axes({"depth": {"by": "dataset", "otherwise": [2]}})["depth"]
    with pytest.raises(ConfigError, match="axis depth: its values go by dataset, which has no value here"):
        depth.at({"model": "nin"})


def test_axes_that_depend_on_each_other() -> None:
    circle = [Axis("lr", "width", {"otherwise": (1,)}), Axis("width", "lr", {"otherwise": (1,)})]
    with pytest.raises(ConfigError, match="lr, width depend on each other in a circle"):
        list(expand(circle, {}))
    groups = {name: Axis(name, by, {"otherwise": ("x",)}) for name, by in (("model", "dataset"), ("dataset", "model"))}
    with pytest.raises(ConfigError, match="dataset, model depend on each other in a circle"):
        composed_and_merged(groups)


@pytest.mark.parametrize(
    ("by", "composed", "merged"),
    [
        ({"lr": None, "model": None, "dataset": None}, ["model", "dataset"], ["lr"]),
        ({"model": "dataset", "dataset": None}, ["dataset", "model"], []),
        ({"quantizer": "model", "model": "dataset", "seed": None, "dataset": None}, ["dataset", "model", "quantizer"],
         ["seed"]),
        ({"quantizer": "bits", "bits": "model", "act_bits": "bits", "model": None}, ["model", "bits", "quantizer"],
         ["act_bits"]),
        ({"lr": "optimizer", "optimizer": None}, ["optimizer"], ["lr"]),
        ({"model": "dataset", "depth": "model"}, ["model"], ["depth"]),
        ({"act_bits": "bits", "bits": None}, [], ["act_bits", "bits"]),
    ],
)  # fmt: skip
def test_config_groups_are_composed_with_what_they_depend_on(
    by: dict[str, str | None], composed: list[str], merged: list[str]
) -> None:
    axes = {name: Axis(name, other, {"otherwise": ("x",)}) for name, other in by.items()}
    assert [[axis.name for axis in part] for part in composed_and_merged(axes)] == [composed, merged]


def test_values_are_checked_and_typed() -> None:
    assert fixed_axis("weight_decay", [0, "1e-4"]).at({}) == (0.0, 0.0001)


def test_the_parts_of_a_grid_share_its_axes_and_may_replace_them() -> None:
    grid = {"axes": {"seed": [0, 1], "lr": [0.1]}, "parts": [{"bits": [32]}, {"bits": [2, 4], "lr": [0.01]}]}
    points = [point for axes in parse_parts(grid) for point in expand(list(axes.values()), {})]
    assert [(p["bits"], p["lr"], p["seed"]) for p in points] == [
        (32, 0.1, 0), (32, 0.1, 1), (2, 0.01, 0), (4, 0.01, 0), (2, 0.01, 1), (4, 0.01, 1)
    ]  # fmt: skip
    assert [sorted(axes) for axes in parse_parts({"axes": {"seed": [0]}})] == [["seed"]]
