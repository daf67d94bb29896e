"""An adaptive search from its space to its rows: ask a batch of trials, train it, learn from the rows, ask again."""

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import optuna

from launchers.plan_launcher import Listener, PlanLauncher
from sweep.commands import execute
from sweep.commands.todays_code import todays_code
from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource, RunConfig, make_run
from sweep.config.settings import Settings
from sweep.plan.cost import processor_of
from sweep.plan.plan import Plan, make_plan
from sweep.results.paths import ResultsDir, SweepDir
from sweep.results.rows import FINAL, rows_store, run_of_row, stored
from sweep.search.options import METRICS, SearchOptions
from sweep.search.pruning import Pruning, recorded_curves
from sweep.search.space import Alternatives, Space
from sweep.search.study import Outcomes, ask, make_study, run_of, search_id
from sweep.search.trials import AskedTrial, Recorded, TrialLog
from sweep.terminal import duration, shell_command

Rows = Mapping[str, Mapping[str, Any]]  # by run id
CHECKED_POINTS = 10_000  # of the space's corners: they are checked, and their costs averaged, in under a second
ROW_COLUMNS = tuple(dict.fromkeys((*execute.PLAN_COLUMNS, *METRICS)))


@dataclasses.dataclass(frozen=True)
class Problem:
    """A search: its space, its options, and what it is done with."""

    space: Space | Alternatives
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
    def folder(self) -> SweepDir:
        return ResultsDir(self.results_dir).sweep(self.search_id)


def search(problem: Problem, launcher: PlanLauncher) -> None:
    """Trains trials until there are `n_trials`, those of earlier commands included. Exits with 1 where runs failed."""
    problem = dataclasses.replace(problem, settings=execute.resolved(problem.settings, launcher))
    options, settings = problem.options, problem.settings
    if not settings.wait:
        raise ConfigError("wait=false: a search needs the results of a batch to ask for the next one; say wait=true")
    searching = _Search(problem, launcher)
    make_study(problem.space, options, [], Outcomes({}))  # refuses impossible options before anything is trained
    print(searching.announcement(), flush=True)
    if settings.dry_run:
        return
    problem.folder.path.mkdir(parents=True, exist_ok=True)
    with execute.stopped_and_compacted(problem.results_dir), execute.only_launcher(problem.folder):
        searching.run(execute.project_of_workers(settings, problem.folder))
    print(searching.outcome())
    print("best runs:", shell_command("sweep.best", results_dir=problem.results_dir, sweep=problem.search_id))
    execute.exit_on_errors(searching.errors, rows_store(problem.results_dir))


class _Search:
    def __init__(self, problem: Problem, launcher: PlanLauncher) -> None:
        self._problem, self._launcher = problem, launcher
        self._log = TrialLog(problem.folder.trials)
        self._workers = launcher.workers(problem.settings)
        self._processor = processor_of(problem.settings.device, problem.settings.engine)
        self._trained: set[str] = set()  # by this process: a run that failed is tried again by the next command
        self._parameters: dict[str, dict[str, Any] | None] = {}  # of seeds, by run id
        self.errors: dict[str, str] = {}

    def announcement(self) -> str:
        problem, recorded, rows = self._problem, self._log.read(), self._rows()
        corners = itertools.islice(problem.space.corners(), CHECKED_POINTS)
        planned = self._plan((make_run(corner) for corner in corners), rows).runs
        left = max(0, problem.options.n_trials - len(recorded.trials))
        left += len(self._to_train(recorded, rows).runs)
        mean_s = sum(p.expected_s for p in planned) / len(planned)
        return "\n".join(
            [
                f"search {problem.search_id} on {self._processor}, results in {problem.results_dir}",
                *(f"  {line}" for line in problem.space.lines()),
                f"{len(recorded.trials)} of {problem.options.n_trials} trials asked, {left} to train at most: about "
                f"{duration(left * mean_s)} of one worker, in batches of {self._workers}",
            ]
        )

    def run(self, project: Path) -> None:
        """Ends when every trial has its outcome; what another process stored in the meantime counts too.

        Workers import the packages that lie in the folder `project`, to the last batch.
        """
        while True:
            recorded, rows = self._log.read(), self._rows()
            plan = self._to_train(recorded, rows)
            missing = self._problem.options.n_trials - len(recorded.trials)
            if plan.runs:
                self._train(plan, recorded, rows, project)
            elif missing > 0:
                self._ask(recorded, rows, min(self._workers, missing))
            else:
                self._write_plan(recorded, rows)
                return

    def _rows(self) -> dict[str, dict[str, Any]]:
        return {row["run_id"]: row for row in stored(self._problem.results_dir, ROW_COLUMNS)}

    def _plan(self, runs: Iterable[RunConfig], rows: Rows) -> Plan:
        problem = self._problem
        points = ((run, problem.sources[run.dataset]) for run in runs)
        settings, known = problem.settings, list(rows.values())
        code = todays_code("train", problem.results_dir, known).of
        on = (self._processor, settings.processes_per_run)
        return make_plan(settings.study, points, problem.facts, known, code, *on)

    def _asked_plan(self, recorded: Recorded, rows: Rows) -> Plan:
        """The runs that were asked and have, or are to have, a row: none is missing where a run was pruned."""
        done = {run_id for run_id, row in rows.items() if row["status"] in FINAL}
        wanted = [trial for trial in recorded.trials if trial.run_id in done or trial.run_id not in recorded.pruned]
        return self._plan((run_of(self._problem.space, trial) for trial in wanted), rows)

    def _write_plan(self, recorded: Recorded, rows: Rows) -> None:
        """For tables, which count what is planned and not done."""
        self._problem.folder.path.mkdir(parents=True, exist_ok=True)
        self._asked_plan(recorded, rows).write(self._problem.folder.plan, self._problem.settings.rerun)

    def _to_train(self, recorded: Recorded, rows: Rows) -> Plan:
        plan = self._asked_plan(recorded, rows)
        left = [p for p in plan.wanted(self._problem.settings.rerun) if p.run_id not in self._trained]
        return dataclasses.replace(plan, runs=tuple(left))

    def _ask(self, recorded: Recorded, rows: Rows, count: int) -> None:
        problem = self._problem
        asked = ask(self._study(recorded, rows), problem.space, count)
        self._plan((run_of(problem.space, trial) for trial in asked), rows)  # refuses what cannot be trained
        self._log.asked(asked)
        first = len(recorded.trials) + 1
        print(f"trials {first} to {first + count - 1} of {problem.options.n_trials}", flush=True)

    def _study(self, recorded: Recorded, rows: Rows, running: frozenset[str] = frozenset()) -> optuna.Study:
        problem = self._problem
        curves = recorded_curves(problem.folder, problem.options.objectives[0]) if problem.options.prunes else {}
        outcomes = Outcomes(rows, running, frozenset(recorded.pruned), curves)
        seeds = self._seeds(recorded, rows) if problem.options.seed_from_rows else []
        return make_study(problem.space, problem.options, recorded.trials, outcomes, seeds)

    def _seeds(self, recorded: Recorded, rows: Rows) -> list[AskedTrial]:
        """Finished rows in the space that no trial asked for, as trials."""
        asked = {trial.run_id for trial in recorded.trials}
        seeds = []
        for run_id, row in rows.items():
            if row["status"] == "finished" and run_id not in asked:
                if run_id not in self._parameters:
                    self._parameters[run_id] = self._problem.space.parameters(run_of_row(row))
                parameters = self._parameters[run_id]
                seeds += [AskedTrial(run_id, parameters, {})] if parameters is not None else []
        return seeds

    def _train(self, plan: Plan, recorded: Recorded, rows: Rows, project: Path) -> None:
        problem = self._problem
        epochs = {planned.run_id: planned.run.epochs for planned in plan.runs}
        self._trained |= epochs.keys()
        self._write_plan(recorded, rows)
        listener: Listener | None = None
        if problem.options.prunes:
            study = self._study(recorded, rows, frozenset(epochs))
            listener = Pruning(study, recorded.trials, epochs, problem.options.objectives[0], self._log, problem.folder)
        plan, others = execute.shared(plan, problem.settings, problem.folder)
        if others:
            print(others, flush=True)
        tally = execute.launch(plan, problem.settings, self._launcher, problem.folder, project, listener)
        self.errors |= tally.errors
        self._stop_on_shared_error()

    def _stop_on_shared_error(self) -> None:
        """As a launcher does for its first runs: a batch may be too small for that."""
        count, different = len(self.errors), set(self.errors.values())
        if count == len(self._trained) >= self._problem.settings.stop_after_same_error and len(different) == 1:
            raise ConfigError(f"the first {count} runs all failed with: {different.pop()}")

    def outcome(self) -> str:
        recorded = self._log.read()
        study = self._study(recorded, self._rows())
        states = [trial.state.name.lower() for trial in study.trials[: len(recorded.trials)]]
        counts = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(states))
        different = len({trial.run_id for trial in recorded.trials})
        seeds = len(study.trials) - len(states)
        line = f"{len(states)} trials ({counts}) of {different} runs" + (f", {seeds} seeds" if seeds else "")
        return f"{line}, {len(study.best_trials)} on the Pareto front" if len(study.directions) > 1 else line
