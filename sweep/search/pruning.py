"""Asks Optuna's pruner at every evaluated epoch, and has the worker stop a run that it gives up."""

from collections.abc import Mapping, Sequence

import optuna
from optuna.trial import Trial

from sweep.results.events import Evaluated, Event
from sweep.results.journal import events_of
from sweep.results.paths import SweepDir
from sweep.search.options import Objective
from sweep.search.study import notes_of
from sweep.search.trials import AskedTrial, TrialLog
from sweep.worker.stops import request_prune


def recorded_curves(sweep_dir: SweepDir, objective: Objective) -> dict[str, dict[int, float]]:
    """The objective at every evaluated epoch that a worker of this search recorded, by run id."""
    curves: dict[str, dict[int, float]] = {}
    for event in events_of(sweep_dir.journals()):
        if isinstance(event, Evaluated) and (value := objective.at_epoch(event)) is not None:
            curves.setdefault(event.task_id, {})[event.epoch] = value
    return curves


class Pruning:
    """Listens to the journals of one batch. `study` has its trials as running ones, numbered as in `trials`."""

    def __init__(
        self,
        study: optuna.Study,
        trials: Sequence[AskedTrial],
        epochs: Mapping[str, int],  # of the runs of the batch, by run id
        objective: Objective,
        log: TrialLog,
        sweep_dir: SweepDir,
    ) -> None:
        self._study, self._epochs, self._objective = study, epochs, objective
        self._log, self._sweep_dir = log, sweep_dir
        self._numbers = {trial.run_id: n for n, trial in reversed(list(enumerate(trials))) if trial.run_id in epochs}
        self._trials = {run_id: Trial(study, number) for run_id, number in self._numbers.items()}
        self._reported: set[tuple[str, int]] = set()
        self._pruned: set[str] = set()

    def __call__(self, event: Event) -> None:
        run_id = event.task_id
        if not isinstance(event, Evaluated) or run_id not in self._trials or run_id in self._pruned:
            return
        value = self._objective.at_epoch(event)
        is_last = event.epoch == self._epochs[run_id]  # which would save nothing
        if value is None or is_last or (run_id, event.epoch) in self._reported:
            return
        self._reported.add((run_id, event.epoch))
        self._trials[run_id].report(value, event.epoch)
        if self._asks_to_prune(run_id):
            self._pruned.add(run_id)
            self._log.pruned(run_id)  # before the worker is told: what the log does not know is trained again
            request_prune(self._sweep_dir, run_id)

    def _asks_to_prune(self, run_id: str) -> bool:
        number = self._numbers[run_id]
        before = notes_of(self._study, number)
        prune = self._trials[run_id].should_prune()
        after = notes_of(self._study, number)
        if after != before:
            self._log.noted(number, {name: note for name, note in after.items() if before.get(name) != note})
        return prune
