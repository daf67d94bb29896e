"""The Optuna study of a search, made anew from its trials and rows whenever it is needed.

So there is no study storage to lock, corrupt or fall behind the rows, and a restarted search goes on exactly as
an uninterrupted one.
"""

import hashlib
import json
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.study import StudyDirection
from optuna.trial import FixedTrial, FrozenTrial, TrialState, create_trial

from sweep.config.run import RunConfig, make_run
from sweep.results.rows import FINAL
from sweep.search.options import SearchOptions
from sweep.search.samplers import make_pruner, make_sampler
from sweep.search.space import Alternatives, Space
from sweep.search.trials import AskedTrial

Curve = Mapping[int, float]  # objective by evaluated epoch


@dataclass(frozen=True)
class Outcomes:
    """The outcomes of runs, by run id. A run that is in none of these failed."""

    rows: Mapping[str, Mapping[str, Any]]
    running: frozenset[str] = frozenset()
    pruned: frozenset[str] = frozenset()
    curves: Mapping[str, Curve] = field(default_factory=dict)  # for the pruner; empty where none prunes

    def state(self, run_id: str) -> TrialState:
        if run_id in self.running:
            return TrialState.RUNNING
        if self.rows.get(run_id, {}).get("status") in FINAL:
            return TrialState.COMPLETE
        return TrialState.PRUNED if run_id in self.pruned else TrialState.FAIL

    def values(self, run_id: str, options: SearchOptions) -> list[float] | None:
        """The objectives; for a diverged run the worst there can be, for a pruned one its last known."""
        state = self.state(run_id)
        if state == TrialState.PRUNED:
            curve = self.curves.get(run_id)
            return [curve[max(curve)]] if curve else None
        if state != TrialState.COMPLETE:
            return None
        row = self.rows[run_id]
        if row["status"] == "diverged":
            return [objective.worst for objective in options.objectives]
        return [float(row[objective.column]) for objective in options.objectives]


def search_id(space: Space | Alternatives, options: SearchOptions) -> str:
    """Names the search by its content: the same command goes on with it."""
    content = json.dumps([space.description(), options.description()], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def make_study(
    space: Space | Alternatives,
    options: SearchOptions,
    trials: Sequence[AskedTrial],
    outcomes: Outcomes,
    seeds: Iterable[AskedTrial] = (),
) -> optuna.Study:
    """The trials that were asked, numbered in their order, then `seeds`: rows that no trial asked for."""
    study = optuna.create_study(
        study_name=search_id(space, options),  # Hyperband makes its brackets of it
        sampler=make_sampler(options, len(trials)),
        pruner=make_pruner(options),
        directions=[StudyDirection[objective.direction.upper()] for objective in options.objectives],
    )
    for trial in (*trials, *seeds):
        study.add_trial(_frozen(space, options, trial, outcomes))
    return study


def _frozen(space: Space | Alternatives, options: SearchOptions, trial: AskedTrial, outcomes: Outcomes) -> FrozenTrial:
    fixed = FixedTrial(dict(trial.parameters))
    space.suggest(fixed)
    state = outcomes.state(trial.run_id)
    return create_trial(
        state=state,
        values=outcomes.values(trial.run_id, options),
        params=fixed.params,
        distributions=fixed.distributions,
        system_attrs=trial.notes,
        # A run that goes on reports what its checkpoint holds once more.
        intermediate_values={} if state == TrialState.RUNNING else dict(outcomes.curves.get(trial.run_id, {})),
    )


def ask(study: optuna.Study, space: Space | Alternatives, count: int) -> list[AskedTrial]:
    """Asks for `count` new trials; raises `ConfigError` where a point cannot be trained."""
    asked = []
    with warnings.catch_warnings():
        # A Gaussian process takes the worst finite value for the infinite one of a diverged run: as it should.
        warnings.filterwarnings("ignore", "Clip non-finite values", UserWarning)
        for _ in range(count):
            trial = study.ask()
            run = make_run(space.suggest(trial))
            asked.append(AskedTrial(run.run_id, trial.params, notes_of(study, trial.number)))
    return asked


def notes_of(study: optuna.Study, number: int) -> dict[str, Any]:
    return dict(study.get_trials(deepcopy=False)[number].system_attrs)


def run_of(space: Space | Alternatives, trial: AskedTrial) -> RunConfig:
    return make_run(space.suggest(FixedTrial(dict(trial.parameters))))
