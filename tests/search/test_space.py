"""The search space: what becomes a parameter, what a trial's choices make, which runs lie in it."""

from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from sweep.config.checks import ConfigError
from sweep.config.grid import fixed_axis, parse_axes
from sweep.config.run import make_run
from sweep.search.space import Alternatives, Interval, Space, make_interval
from sweep.search.sweeper import command_line_intervals
from tests.conftest import TINY, tiny_run

LR = {"lr": {"by": "optimizer", "sgd": [0.1, 0.05], "adam": [0.001, 0.0005], "rmsprop": [0.001]}}
OPTIMIZERS = ("sgd", "adam", "rmsprop")


def conditional_space() -> Space:
    bases = {(name,): TINY | {"optimizer": name, "momentum": 0.9 if name == "sgd" else 0.0} for name in OPTIMIZERS}
    axes = parse_axes(LR | {"seed": [3]})
    return Space((fixed_axis("optimizer", OPTIMIZERS),), tuple(axes.values()), (), bases)


def overrides(*lines: str) -> Any:
    return OverridesParser.create().parse_overrides(list(lines))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"optimizer": "sgd", "lr[optimizer=sgd]": 0.05}, {"lr": 0.05, "momentum": 0.9}),
        ({"optimizer": "adam", "lr[optimizer=adam]": 0.0005}, {"lr": 0.0005, "momentum": 0.0}),
        ({"optimizer": "rmsprop"}, {"lr": 0.001}),  # one value is no choice
    ],
)
def test_a_learning_rate_is_chosen_for_its_optimizer(parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    trial = FixedTrial(parameters)
    point = conditional_space().suggest(trial)
    assert expected.items() <= point.items()
    assert point["optimizer"] == parameters["optimizer"] and point["seed"] == 3
    assert trial.distributions.keys() == parameters.keys()
    assert conditional_space().parameters(make_run(point)) == parameters


def dependent_space() -> Space:
    """The network goes by the data set, and the quantizer by the bits."""
    axes = parse_axes(
        {
            "dataset": ["digits", "cifar10"],
            "model": {"by": "dataset", "digits": ["nin"], "cifar10": ["nin", "vgg19"]},
            "bits": [2, 4],
            "quantizer": {"by": "bits", "2": ["lsq"], "4": ["dorefa"]},
        }
    )
    names = ("dataset", "model", "bits", "quantizer")
    bases = {
        values: TINY | dict(zip(names, values, strict=True))
        for values in [
            ("digits", "nin", 2, "lsq"), ("digits", "nin", 4, "dorefa"),
            ("cifar10", "nin", 2, "lsq"), ("cifar10", "nin", 4, "dorefa"),
            ("cifar10", "vgg19", 2, "lsq"), ("cifar10", "vgg19", 4, "dorefa"),
        ]
    }  # fmt: skip
    return Space(tuple(axes.values()), (), (), bases)


@pytest.mark.parametrize(
    "parameters",
    [
        {"dataset": "digits", "bits": 4},  # one network and one quantizer are no choice
        {"dataset": "cifar10", "model[dataset=cifar10]": "nin", "bits": 2},
        {"dataset": "cifar10", "model[dataset=cifar10]": "nin", "bits": 4},
    ],
)
def test_config_groups_are_chosen_for_what_they_depend_on(parameters: dict[str, Any]) -> None:
    space, trial = dependent_space(), FixedTrial(parameters)
    point = space.suggest(trial)
    assert trial.distributions.keys() == parameters.keys()
    assert (point["dataset"], point["bits"]) == (parameters["dataset"], parameters["bits"])
    assert (point["model"], point["quantizer"]) == ("nin", {2: "lsq", 4: "dorefa"}[point["bits"]])
    assert space.parameters(make_run(point)) == parameters
    assert space.lines() == ["dataset: digits, cifar10", "model[dataset=cifar10]: nin, vgg19", "bits: 2, 4"]


def test_an_interval_replaces_the_values_of_every_optimizer() -> None:
    base = {(name,): TINY | {"optimizer": name, "momentum": 0.0} for name in OPTIMIZERS}
    space = Space((fixed_axis("optimizer", OPTIMIZERS),), (), (make_interval("lr", 0.001, 0.3, log=True),), base)
    trial = FixedTrial({"optimizer": "adam", "lr": 0.02})
    assert space.suggest(trial)["lr"] == 0.02
    assert trial.distributions == {
        "optimizer": CategoricalDistribution(OPTIMIZERS),
        "lr": FloatDistribution(0.001, 0.3, log=True),
    }
    assert space.lines() == ["optimizer: sgd, adam, rmsprop", "lr: 0.001 to 0.3, logarithmic"]


def test_lines_leave_out_what_cannot_be_reached() -> None:
    depth = parse_axes({"depth": {"by": "dataset", "cifar100": [3, 4], "otherwise": [2, 3]}})["depth"]
    assert Space((), (depth,), (), {(): TINY}).lines() == ["depth[dataset=digits]: 2, 3"]
    assert conditional_space().lines() == [
        "optimizer: sgd, adam, rmsprop", "lr[optimizer=sgd]: 0.1, 0.05", "lr[optimizer=adam]: 0.001, 0.0005"
    ]  # fmt: skip


def test_corners_are_the_product_with_the_ends_of_intervals() -> None:
    bits, lr = fixed_axis("bits", [2, 4]), make_interval("lr", 0.01, 0.1, log=False)
    space = Space((), (bits,), (lr, Interval("width", 1, 5, step=2)), {(): TINY})
    corners = [(point["bits"], point["lr"], point["width"]) for point in space.corners()]
    assert sorted(corners) == [(b, r, w) for b in (2, 4) for r in (0.01, 0.1) for w in (1, 5)]


@pytest.mark.parametrize(
    ("changes", "parameters"),
    [
        ({"bits": 4, "lr": 0.02, "width": 3}, {"bits": 4, "lr": 0.02, "width": 3}),
        ({"bits": 32, "lr": 0.02, "width": 3}, {"bits": 32, "lr": 0.02, "width": 3}),  # its quantizer is none
        ({"bits": 8, "lr": 0.02, "width": 3}, None),
        ({"bits": 4, "lr": 0.2, "width": 3}, None),
        ({"bits": 4, "lr": 0.02, "width": 4}, None),
        ({"bits": 4, "lr": 0.02, "width": 3, "epochs": 7}, None),
    ],
)
def test_a_run_lies_in_the_space_or_not(changes: dict[str, Any], parameters: dict[str, Any] | None) -> None:
    bits, lr = fixed_axis("bits", [2, 4, 32]), make_interval("lr", 0.01, 0.1, log=True)
    space = Space((), (bits,), (lr, Interval("width", 1, 5, step=2)), {(): TINY})
    assert space.parameters(tiny_run(**changes)) == parameters


def two_parts() -> Alternatives:
    """As a grid with `parts` has them: other values of one axis, and an axis that only one part has."""
    first = Space((), (fixed_axis("bits", [2, 4]), fixed_axis("seed", [0, 1])), (), {(): TINY})
    second = Space((), (fixed_axis("bits", [8]),), (make_interval("lr", 0.2, 0.3, log=False),), {(): TINY})
    return Alternatives((first, second))


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"part": 1, "bits[part=1]": 4, "seed[part=1]": 1}, {"bits": 4, "seed": 1, "lr": 0.1}),
        ({"part": 2, "lr[part=2]": 0.25}, {"bits": 8, "seed": 0, "lr": 0.25}),
    ],
)
def test_a_trial_chooses_a_part_and_then_its_values(parameters: dict[str, Any], expected: dict[str, Any]) -> None:
    space, trial = two_parts(), FixedTrial(parameters)
    point = space.suggest(trial)
    assert expected.items() <= point.items() and trial.distributions.keys() == parameters.keys()
    assert space.parameters(make_run(point)) == parameters


def test_the_points_of_parts() -> None:
    space = two_parts()
    corners = [(point["bits"], point["seed"], point["lr"]) for point in space.corners()]
    assert corners == [(2, 0, 0.1), (2, 1, 0.1), (4, 0, 0.1), (4, 1, 0.1), (8, 0, 0.2), (8, 0, 0.3)]
    assert space.parameters(tiny_run(bits=8, seed=1)) is None, "no part has it"
    assert space.lines() == ["part 1: bits: 2, 4", "part 1: seed: 0, 1", "part 2: lr: 0.2 to 0.3"]
    assert Alternatives(space.parts[::-1]).description() != space.description()


def test_lists_are_values_too() -> None:
    space = Space((), (fixed_axis("milestones", [[1, 2], [2]]),), (), {(): TINY})
    trial = FixedTrial({"milestones": "[1, 2]"})
    assert make_run(space.suggest(trial)).milestones == (1, 2)
    assert space.parameters(tiny_run(milestones=[2])) == {"milestones": "[2]"}


def test_intervals_come_from_hydras_grammar() -> None:
    found = command_line_intervals(
        overrides(
            "lr=tag(log,interval(0.001,0.3))", "momentum=interval(0,0.9)", "width=range(2,9,2)", "bits=choice(2,4)"
        )
    )
    assert found == {
        "lr": Interval("lr", 0.001, 0.3, log=True),
        "momentum": Interval("momentum", 0.0, 0.9),
        "width": Interval("width", 2, 8, step=2),  # as in a grid, the stop is not part of a range
    }
    trial = FixedTrial({"width": 4})
    assert found["width"].suggest(trial) == 4 and trial.distributions == {"width": IntDistribution(2, 8, step=2)}


def test_short_ranges_and_ranges_of_fractions_are_choices() -> None:
    assert command_line_intervals(overrides("seed=range(0,2)", "lr=range(0.1,0.5,0.1)")) == {}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("bits=interval(2,8)", "bits does not take every number of an interval; give bits=choice"),
        ("optimizer=interval(2,8)", "optimizer does not take every number"),
        ("lr=interval(0.3,0.1)", "the first number must be below the second"),
        ("weight_decay=tag(log,interval(0,0.1))", "a logarithmic interval starts above 0"),
        ("lr=interval(0,0.1)", "lr=0.0: allowed is a number above 0"),
        ("bits=tag(log,choice(2,4))", "the only tag is log, of an interval"),
        ("lr=tag(logarithmic,interval(1,2))", "the only tag is log, of an interval"),
        ("workers=interval(1,2)", "workers is a setting of the whole search; give it one value"),
        ("depth=range(0,4)", "depth=0: allowed is a whole number from 1 up"),
    ],
)
def test_impossible_intervals_are_refused(line: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        command_line_intervals(overrides(line))
    assert message in str(error.value)
