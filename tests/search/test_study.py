"""The study that trials and rows make: what Optuna is told, and that it asks the same after a restart."""

import math
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from sweep.config.checks import ConfigError
from sweep.config.grid import fixed_axis
from sweep.results.events import Evaluated, Event, Started
from sweep.results.paths import SweepDir
from sweep.search.options import SearchOptions, make_options
from sweep.search.pruning import Pruning, recorded_curves
from sweep.search.space import Space, make_interval
from sweep.search.study import Outcomes, ask, make_study, run_of, search_id
from sweep.search.trials import AskedTrial, TrialLog
from tests.conftest import TINY
from tests.search.defaults import DEFAULTS

SPACE = Space((), (fixed_axis("bits", [2, 4, 8]),), (make_interval("lr", 0.001, 1, log=True),), {(): TINY})


def options(**changes: Any) -> SearchOptions:
    return make_options(DEFAULTS | changes)


def loss(trial: AskedTrial) -> float:
    """Of a run of `SPACE`: least at lr 0.1 and 8 bits."""
    return float((math.log10(trial.parameters["lr"]) + 1) ** 2 + 1 / trial.parameters["bits"])


def searched(chosen: SearchOptions, batches: int, trials: list[AskedTrial] | None = None) -> list[AskedTrial]:
    """The trials of `batches` batches of four, each made from what a log and rows hold."""
    trials = list(trials or [])
    for _ in range(batches):
        rows = {t.run_id: {"status": "finished", "test_loss": loss(t), "gap": t.parameters["lr"]} for t in trials}
        trials += ask(make_study(SPACE, chosen, trials, Outcomes(rows)), SPACE, 4)
    return trials


SAMPLERS = [
    {"sampler": {"name": "tpe", "seed": 1, "n_startup_trials": 4}},
    {"sampler": {"name": "tpe", "seed": 1, "multivariate": True}},
    {"sampler": {"name": "random", "seed": 1}},
    {"sampler": {"name": "gp", "seed": 1, "n_startup_trials": 4}},
    {"sampler": {"name": "nsgaii", "population_size": 4}, "objectives": ["minimize test_loss", "minimize gap"]},
    {"pruner": {"name": "hyperband"}},
    {"pruner": {"name": "halving", "min_resource": 2}},
]


@pytest.mark.parametrize("changes", SAMPLERS, ids=str)
def test_a_restarted_search_asks_what_an_uninterrupted_one_asks(changes: dict[str, Any], tmp_path: Path) -> None:
    chosen = options(**changes)
    uninterrupted = searched(chosen, 4)
    log = TrialLog(tmp_path / "trials.jsonl")
    log.asked(searched(chosen, 2))
    assert searched(chosen, 2, log.read().trials) == uninterrupted
    assert len({trial.run_id for trial in uninterrupted}) > 8  # no batch is drawn again
    assert all(run_of(SPACE, trial).run_id == trial.run_id for trial in uninterrupted)


def test_another_seed_asks_for_other_trials() -> None:
    first, other = (searched(options(sampler={"name": "tpe", "seed": seed}), 1) for seed in (0, 1))
    assert {trial.run_id for trial in first}.isdisjoint(trial.run_id for trial in other)


def test_a_search_finds_better_points_than_chance() -> None:
    best = {
        name: sum(min(map(loss, searched(options(sampler={"name": name, "seed": seed}), 10))) for seed in range(3))
        for name in ("tpe", "random")
    }
    assert best["tpe"] < best["random"]


def test_what_optuna_is_told() -> None:
    names = ["finished", "diverged", "failed", "pruned", "running", "pruned, then finished by a grid"]
    trials = [AskedTrial(name, {"bits": 2, "lr": 0.1}, {}) for name in names]
    done = {"status": "finished", "test_loss": 0.5}
    rows = {"finished": done, "diverged": {"status": "diverged"}, "failed": {"status": "failed"}, names[5]: done}
    outcomes = Outcomes(rows, frozenset(["running"]), frozenset(["pruned", names[5]]), {"pruned": {2: 0.9, 4: 0.8}})
    seed = AskedTrial("finished", {"bits": 8, "lr": 0.5}, {})
    told = make_study(SPACE, options(), trials, outcomes, [seed]).trials
    assert [(trial.state, trial.values) for trial in told] == [
        (TrialState.COMPLETE, [0.5]),
        (TrialState.COMPLETE, [math.inf]),
        (TrialState.FAIL, None),
        (TrialState.PRUNED, [0.8]),
        (TrialState.RUNNING, None),
        (TrialState.COMPLETE, [0.5]),
        (TrialState.COMPLETE, [0.5]),
    ]
    assert told[3].intermediate_values == {2: 0.9, 4: 0.8}
    assert told[6].params == seed.parameters


def test_a_diverged_run_is_the_worst_in_every_objective() -> None:
    chosen = options(objectives=["minimize gap", "maximize test_acc"])
    trial = AskedTrial("x", {"bits": 2, "lr": 0.1}, {})
    (told,) = make_study(SPACE, chosen, [trial], Outcomes({"x": {"status": "diverged"}})).trials
    assert told.values == [math.inf, -math.inf]


def test_a_gaussian_process_takes_diverged_runs_without_a_warning() -> None:
    chosen = options(sampler={"name": "gp", "n_startup_trials": 2})
    trials = searched(chosen, 1)
    rows = {t.run_id: {"status": "finished", "test_loss": loss(t)} for t in trials[1:]}
    rows[trials[0].run_id] = {"status": "diverged"}
    assert len(ask(make_study(SPACE, chosen, trials, Outcomes(rows)), SPACE, 1)) == 1


def test_the_id_is_that_of_the_question() -> None:
    base = search_id(SPACE, options())
    assert base == search_id(SPACE, options(n_trials=99, seed_from_rows=True))
    others = [
        search_id(SPACE, options(objectives=["minimize gap"])),
        search_id(SPACE, options(sampler={"name": "tpe", "seed": 1})),
        search_id(SPACE, options(pruner={"name": "median"})),
        search_id(Space((), SPACE.axes, (), SPACE.bases), options()),
        search_id(Space((), SPACE.axes, SPACE.intervals, {(): TINY | {"epochs": 9}}), options()),
    ]
    assert len({base, *others}) == 6


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sampler": {"name": "nsgaii", "population_size": 1}}, "sampler=nsgaii, sampler.population_size=1: "),
        ({"pruner": {"name": "median", "interval_steps": 0}}, "pruner=median, pruner.interval_steps=0: "),
        ({"pruner": {"name": "halving", "reduction_factor": 1}}, "pruner=halving, pruner.reduction_factor=1: "),
    ],
)
def test_impossible_options_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        make_study(SPACE, options(**changes), [], Outcomes({}))
    assert message in str(error.value)


def epoch(run_id: str, number: int, value: float) -> Evaluated:
    return Evaluated(run_id, number, test_loss=value)


def test_a_run_worse_than_the_median_is_pruned_once(tmp_path: Path) -> None:
    chosen = options(pruner={"name": "median", "n_startup_trials": 1})
    trials = [AskedTrial(name, {"bits": 2, "lr": 0.1}, {}) for name in ("done", "good", "bad", "late")]
    outcomes = Outcomes(
        {"done": {"status": "finished", "test_loss": 0.1}},
        frozenset(["good", "bad", "late"]),
        curves={"done": {1: 1.0, 2: 0.5, 9: 0.1}},
    )
    study = make_study(SPACE, chosen, trials, outcomes)
    log = TrialLog(tmp_path / "trials.jsonl")
    log.asked(trials)
    listener = Pruning(
        study, trials, dict.fromkeys(["good", "bad", "late"], 9), chosen.objectives[0], log, SweepDir(tmp_path)
    )
    events: list[Event] = [
        Started("bad"),
        epoch("good", 1, 0.9),
        epoch("bad", 1, 1.1),
        epoch("bad", 2, 1.0),
        epoch("good", 1, 0.9),  # of a checkpoint
        epoch("good", 2, float("nan")),
        epoch("late", 9, 0.8),  # its last epoch
    ]
    for event in events:
        listener(event)
    assert log.read().pruned == {"bad"}
    asked = [run_id for run_id in ("good", "bad", "late") if SweepDir(tmp_path).prune_request(run_id).exists()]
    assert asked == ["bad"]


def test_what_halving_notes_is_recorded(tmp_path: Path) -> None:
    chosen = options(pruner={"name": "halving", "min_resource": 1, "reduction_factor": 2})
    trials = [AskedTrial(name, {"bits": 2, "lr": 0.1}, {}) for name in ("first", "second")]
    log = TrialLog(tmp_path / "trials.jsonl")
    log.asked(trials)
    study = make_study(SPACE, chosen, trials, Outcomes({}, frozenset(["first", "second"])))
    listener = Pruning(study, trials, {"first": 9, "second": 9}, chosen.objectives[0], log, SweepDir(tmp_path))
    listener(epoch("first", 1, 0.5))
    listener(epoch("second", 1, 0.9))
    recorded = log.read()
    assert [trial.notes for trial in recorded.trials] == [{"completed_rung_0": 0.5}, {"completed_rung_0": 0.9}]
    assert recorded.pruned == {"second"}


def test_curves_come_from_the_journals(tmp_path: Path) -> None:
    journal = SweepDir(tmp_path).journal("a")
    journal.parent.mkdir()
    journal.write_text(
        '{"event": "started", "task_id": "x"}\n'
        '{"event": "epoch", "task_id": "x", "epoch": 2, "test_loss": 0.5}\n'
        '{"event": "epoch", "task_id": "x", "epoch": 4, "test_loss": NaN}\n'
    )
    assert recorded_curves(SweepDir(tmp_path), options().objectives[0]) == {"x": {2: 0.5}}
