"""What a search refuses before it trains anything."""

from typing import Any

import pytest

from sweep.config.checks import ConfigError
from sweep.results.events import Evaluated
from sweep.search import options
from sweep.search.options import Objective, make_options
from tests.search.defaults import DEFAULTS


def test_defaults_make_options() -> None:
    made = make_options(DEFAULTS | {"sampler": {"name": "tpe", "seed": 3, "n_startup_trials": 4}})
    assert made.objectives == (Objective("minimize", "test_loss"),)
    assert (made.sampler.options, made.sampler_seed, made.prunes) == ({"n_startup_trials": 4}, 3, False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"n_trials": 0}, "n_trials=0: allowed is a whole number from 1 up"),
        ({"n_trials": "x"}, "n_trials=x: allowed is a whole number"),
        ({"seed_from_rows": 1}, "seed_from_rows=1: allowed are true, false"),
        ({"objectives": []}, "a list such as [minimize test_loss,minimize gap] is needed"),
        ({"objectives": ["min test_loss"]}, "`minimize COLUMN` or `maximize COLUMN` is needed. Columns: train_loss"),
        ({"objectives": ["minimize test_los"]}, "did you mean test_loss?"),
        ({"objectives": "maximize"}, "objective 'maximize'"),
        ({"objectives": ["minimize gap", "maximize gap"]}, "each column can be one objective"),
        ({"sampler": {"name": "tpee"}}, "sampler=tpee: allowed are tpe, random, gp, nsgaii, cmaes; did you mean tpe?"),
        (
            {"sampler": {"name": "tpe", "n_startup": 3}},
            "there is no such key; did you mean sampler.n_startup_trials?",
        ),
        (
            {"sampler": {"name": "random", "x": 3}},
            "sampler.x=3: there is no such key; did you mean sampler.seed? Of sampler=random: sampler.seed.",
        ),
        ({"sampler": {"name": "tpe", "seed": -1}}, "sampler.seed=-1: allowed is a whole number from 0"),
        ({"sampler": {"name": "tpe", "multivariate": "a"}}, "sampler.multivariate=a: a number, true or false"),
        ({"pruner": {"name": "medan"}}, "pruner=medan: allowed are none, median, halving, hyperband"),
        ({"pruner": {"name": "none", "x": 1}}, "pruner.x=1: there is no such key. Of pruner=none: none."),
        (
            {"pruner": {"name": "median"}, "objectives": ["minimize gap", "minimize test_loss"]},
            "pruner=median: pruning needs one objective; say pruner=none",
        ),
        (
            {"pruner": {"name": "median"}, "objectives": ["minimize seconds"]},
            "seconds is not known before a run ends; prune by train_loss, test_loss, gap",
        ),
    ],
)
def test_mistakes_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_options(DEFAULTS | changes)
    assert message in str(error.value)


def test_cmaes_is_refused_where_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="sampler=cmaes needs the package cmaes: pip install cmaes"):
        make_options(DEFAULTS | {"sampler": {"name": "cmaes"}})
    monkeypatch.setattr(options.importlib.util, "find_spec", lambda name: object())
    with pytest.raises(ConfigError, match="sampler=cmaes takes one objective"):
        make_options(DEFAULTS | {"sampler": {"name": "cmaes"}, "objectives": ["minimize gap", "minimize seconds"]})


@pytest.mark.parametrize(
    ("column", "value"),
    [("test_loss", 0.75), ("gap", 0.25), ("last_gap", 0.25), ("last_test_acc", 0.5), ("train_acc", 0.9)],
)
def test_an_objective_at_an_epoch(column: str, value: float) -> None:
    evaluated = Evaluated("run", epoch=1, train_loss=0.5, test_loss=0.75, train_acc=0.9, test_acc=0.5)
    assert Objective("minimize", column).at_epoch(evaluated) == value


def test_an_objective_that_is_not_finite_is_none() -> None:
    assert Objective("minimize", "test_loss").at_epoch(Evaluated("run", epoch=1, test_loss=float("nan"))) is None
