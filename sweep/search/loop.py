"""An adaptive search from its space to its rows: ask a batch of trials, train it, learn from the rows, ask again."""

import dataclasses
import itertools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from launchers.journal import EPOCH, JournalReader
from launchers.local import LocalLauncher
from sweep import execute
from sweep.config import ConfigError, DataSource, RunConfig, Settings, make_run
from sweep.cost import DataFacts
from sweep.plan import Plan, make_plan
from sweep.provenance import code_fingerprint
from sweep.rows import run_of_row, stored
from sweep.search.options import METRICS, SearchOptions
from sweep.search.pruning import Pruning
from sweep.search.space import Space
from sweep.search.study import Outcomes, ask, make_study, run_of, search_id
from sweep.search.trials import AskedTrial, Recorded, TrialLog
from sweep.terminal import duration

CHECKED_POINTS = 10_000  # of the space's corners: they are checked, and their costs averaged, in under a second
ROW_COLUMNS = tuple(dict.fromkeys((*execute.PLAN_COLUMNS, *METRICS)))


@dataclasses.dataclass(frozen=True)
class Problem:
    """What is searched, where and with what."""

    space: Space
    options: SearchOptions
    settings: Settings
    sources: Mapping[str, DataSource]  # by data set
    facts: dict[str, DataFacts]

    @property
    def results_dir(self) -> Path:
        return Path(self.settings.results_dir)

    @property
    def search_id(self) -> str:
        return search_id(self.space, self.options)

    @property
    def folder(self) -> Path:
        return self.results_dir / "sweeps" / self.search_id


def search(problem: Problem, launcher: LocalLauncher) -> None:
    """Trains trials until there are `n_trials`, those of earlier commands included. Exits with 1 where runs failed."""
    options, settings = problem.options, problem.settings
    searching = _Search(problem, launcher)
    make_study(problem.space, options, [], Outcomes({}))  # refuses impossible options before anything is trained
    print(searching.announcement(), flush=True)
    if settings.dry_run:
        return
    with execute.stopped_and_compacted(problem.results_dir):
        searching.run()
    print(searching.outcome())
    print(f"best runs: python -m sweep.best results_dir={problem.results_dir} sweep={problem.search_id}")
    execute.exit_on_errors(searching.errors, settings)


class _Search:
    def __init__(self, problem: Problem, launcher: LocalLauncher) -> None:
        self._problem, self._launcher = problem, launcher
        self._log = TrialLog(problem.folder / "trials.jsonl")
        self._workers = launcher.workers(problem.settings)
        self._trained: set[str] = set()  # by this process: a run that failed is tried again by the next command
        self.errors: dict[str, str] = {}

    def announcement(self) -> str:
        problem, recorded = self._problem, self._log.read()
        corners = itertools.islice(problem.space.corners(), CHECKED_POINTS)
        planned = self._plan(make_run(corner) for corner in corners).runs
        left = max(0, problem.options.n_trials - len(recorded.trials))
        left += len(self._to_train(recorded, self._rows()).runs)
        mean_s = sum(p.expected_s for p in planned) / len(planned)
        return "\n".join(
            [
                f"search {problem.search_id} on {self._launcher.device(problem.settings)}, "
                f"results in {problem.results_dir}",
                *(f"  {line}" for line in problem.space.lines()),
                f"{len(recorded.trials)} of {problem.options.n_trials} trials asked, {left} to train at most: about "
                f"{duration(left * mean_s)} of one worker, in batches of {self._workers}",
            ]
        )

    def run(self) -> None:
        """Ends when every trial has its outcome; what another process stored in the meantime counts too."""
        while True:
            recorded, rows = self._log.read(), self._rows()
            plan = self._to_train(recorded, rows)
            missing = self._problem.options.n_trials - len(recorded.trials)
            if plan.runs:
                self._train(plan, recorded, rows)
            elif missing > 0:
                self._ask(recorded, rows, min(self._workers, missing))
            else:
                self._plan(self._runs(recorded)).write(self._problem.folder / "plan.parquet")
                return

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["run_id"]: row for row in stored(self._problem.results_dir, ROW_COLUMNS)}

    def _plan(self, runs: Any, rows: Mapping[str, Mapping[str, Any]] | None = None) -> Plan:
        problem = self._problem
        known = list((self._rows() if rows is None else rows).values())
        points = ((run, problem.sources[run.dataset]) for run in runs)
        device = self._launcher.device(problem.settings)
        return make_plan(problem.settings.study, points, problem.facts, known, code_fingerprint(), device)

    def _runs(self, recorded: Recorded) -> list[RunConfig]:
        """Those that were asked and are to have rows: no row is missing where a run was pruned."""
        return [run_of(self._problem.space, t) for t in recorded.trials if t.run_id not in recorded.pruned]

    def _to_train(self, recorded: Recorded, rows: Mapping[str, Any]) -> Plan:
        plan = self._plan(self._runs(recorded), rows)
        left = [p for p in plan.to_do(self._problem.settings.rerun) if p.run_id not in self._trained]
        return dataclasses.replace(plan, runs=tuple(left))

    def _ask(self, recorded: Recorded, rows: Mapping[str, Any], count: int) -> None:
        problem = self._problem
        outcomes = self._outcomes(recorded, rows)
        study = make_study(problem.space, problem.options, recorded.trials, outcomes, self._seeds(recorded, rows))
        self._log.asked(ask(study, problem.space, count))
        first = len(recorded.trials) + 1
        print(f"trials {first} to {first + count - 1} of {problem.options.n_trials}", flush=True)

    def _seeds(self, recorded: Recorded, rows: Mapping[str, Mapping[str, Any]]) -> list[AskedTrial]:
        """Finished rows in the space that no trial asked for, as trials."""
        if not self._problem.options.seed_from_rows:
            return []
        asked = {trial.run_id for trial in recorded.trials}
        return seeds_of([row for run_id, row in rows.items() if run_id not in asked], self._problem.space)

    def _outcomes(self, recorded: Recorded, rows: Mapping[str, Any], running: frozenset[str] = frozenset()) -> Outcomes:
        return Outcomes(rows, running, frozenset(recorded.pruned), self._curves())

    def _curves(self) -> dict[str, dict[int, float]]:
        """The objective at every evaluated epoch that a worker of this search recorded, by run."""
        curves: dict[str, dict[int, float]] = {}
        if self._problem.options.prunes:
            for path in sorted(self._problem.folder.glob("journal/*.jsonl")):
                for event in JournalReader(path).new_events():
                    value = self._problem.options.objectives[0].at_epoch(event) if event["event"] == EPOCH else None
                    if value is not None:
                        curves.setdefault(event["run_id"], {})[event["epoch"]] = value
        return curves

    def _train(self, plan: Plan, recorded: Recorded, rows: Mapping[str, Any]) -> None:
        problem = self._problem
        ids = frozenset(planned.run_id for planned in plan.runs)
        self._trained |= ids
        problem.folder.mkdir(parents=True, exist_ok=True)
        self._plan(self._runs(recorded), rows).write(problem.folder / "plan.parquet")
        listener: Callable[[dict[str, Any]], None] | None = None
        if problem.options.prunes:
            outcomes = self._outcomes(recorded, rows, ids)
            study = make_study(problem.space, problem.options, recorded.trials, outcomes, self._seeds(recorded, rows))
            epochs = {planned.run_id: planned.run.epochs for planned in plan.runs}
            listener = Pruning(study, recorded.trials, epochs, problem.options.objectives[0], self._log, problem.folder)
        tally = execute.train(plan, problem.settings, self._launcher, problem.folder, listener)
        self.errors |= tally.errors
        self._stop_on_shared_error()

    def _stop_on_shared_error(self) -> None:
        """As a launcher does for its first runs: a batch may be too small for that."""
        count, different = len(self.errors), set(self.errors.values())
        if count == len(self._trained) >= self._problem.settings.stop_after_same_error and len(different) == 1:
            raise ConfigError(f"the first {count} runs all failed with: {different.pop()}")

    def outcome(self) -> str:
        recorded = self._log.read()
        study = make_study(
            self._problem.space, self._problem.options, recorded.trials, self._outcomes(recorded, self._rows())
        )
        states = [trial.state.name.lower() for trial in study.trials]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        different = len({trial.run_id for trial in recorded.trials})
        line = f"{len(states)} trials ({counts}) of {different} runs"
        return f"{line}, {len(study.best_trials)} on the Pareto front" if len(study.directions) > 1 else line


def seeds_of(rows: list[Mapping[str, Any]], space: Space) -> list[AskedTrial]:
    """The finished ones among `rows`, which hold the science config, that lie in `space`."""
    seeds = []
    for row in rows:
        parameters = space.parameters(run_of_row(row)) if row["status"] == "finished" else None
        if parameters is not None:
            seeds.append(AskedTrial(row["run_id"], parameters, {}))
    return seeds
