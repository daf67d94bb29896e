"""Training runs: alone, or several as an array."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.config.run import RUN_FIELDS, RunConfig
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task, engine_of
from sweep.results import rows
from sweep.results.events import Evaluated
from sweep.results.journal import record
from sweep.results.paths import ResultsDir
from sweep.results.schema import ROWS
from sweep.worker.arrays import arrays_of
from sweep.worker.images import training_data
from sweep.worker.processes import train_in_processes
from sweep.worker.weight_files import teacher_run, weights_file
from sweep.worker.work import KindOfWork, Outcome, Result, Stop

if TYPE_CHECKING:
    from sweep.training.progress import TrainOptions
    from sweep.training.ranks import Ranks
    from sweep.training.result import EpochRecord, TrainingResult
    from sweep.training.teachers import TeacherSource


class Training(KindOfWork):
    """Trains runs, each from its checkpoint where there is one."""

    table = ROWS

    def columns(self, task: Task, settings: Settings) -> dict[str, Any]:
        return {
            "run_id": task.run_id,
            **rows.science_columns(task.run),
            "study": settings.study,
            "engine": engine_of(task, settings),
            "processes": settings.processes_per_run,
        }

    def together(self, tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
        """One run at a time, or arrays."""
        return arrays_of(tasks, settings)

    def work_on(self, tasks: Sequence[Task], pack: Pack, stops: Sequence[Stop]) -> Iterator[Outcome]:
        """Trains tasks that share data, with the pack's engine; a task that cannot join an array comes alone."""
        if pack.settings.processes_per_run > 1:
            for task, stop in zip(tasks, stops, strict=True):
                yield Outcome(task, _result(train_in_processes(task, pack, stop)))
        else:
            yield from _in_this_process(tasks, pack, stops)


def _result(trained: "TrainingResult | None") -> Result | None:
    return None if trained is None else Result(Training.table, trained.columns(), trained.curve_rows())


def _in_this_process(tasks: Sequence[Task], pack: Pack, stops: Sequence[Stop]) -> Iterator[Outcome]:
    import torch

    from sweep.training.engines import train_runs

    settings, device = pack.settings, torch.device(pack.settings.device)
    images = training_data(tasks[0], settings, device)
    runs = [task.run for task in tasks]
    options = [options_of(task, pack, stop) for task, stop in zip(tasks, stops, strict=True)]
    for index, result in train_runs(engine_of(tasks[0], settings), runs, images, device, options, settings.kernels):
        yield Outcome(tasks[index], _result(result))


def options_of(task: Task, pack: Pack, stop: Stop, ranks: "Ranks | None" = None) -> "TrainOptions":
    from sweep.training.progress import TrainOptions
    from sweep.training.ranks import ALONE

    ranks = ranks or ALONE

    def record_epoch(epoch: "EpochRecord") -> None:
        if pack.prunable and ranks.is_first:
            record(pack.journal, _event_of(task, epoch))

    settings = pack.settings
    return TrainOptions(
        code=task.code,
        checkpoint=pack.results.checkpoint(task.run_id),
        checkpoint_seconds=settings.checkpoint_seconds,
        weights=pack.results.weights(task.run_id) if settings.keep_weights else None,
        initial_weights=weights_file("initial_weights", task.run.initial_weights, settings),
        teacher=_teacher(task.run, settings),
        stop=stop,
        on_evaluation=record_epoch,
        ranks=ranks,
    )


def _event_of(task: Task, epoch: "EpochRecord") -> Evaluated:
    return Evaluated(task.task_id, epoch.epoch, epoch.lr, epoch.batch_loss, *(epoch.evaluation or ()))


def _teacher(run: RunConfig, settings: Settings) -> "TeacherSource | None":
    from sweep.training.teachers import TeacherSource

    weights, results_dir = weights_file("teacher", run.teacher, settings), Path(settings.results_dir)
    if weights is None:
        return None
    known = {row["run_id"]: row for row in rows.stored(results_dir, ("run_id", *RUN_FIELDS))}
    return TeacherSource(teacher_run(run, known), weights, ResultsDir(results_dir).cache)
