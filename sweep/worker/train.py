"""Training runs: alone, or several as an array."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.config.run import RUN_FIELDS, RunConfig
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task, engine_of
from sweep.results import provenance, rows
from sweep.results.journal import EPOCH, record
from sweep.results.paths import ResultsDir
from sweep.worker.arrays import arrays_of
from sweep.worker.images import training_data
from sweep.worker.processes import train_in_processes
from sweep.worker.weight_files import teacher_run, weights_file

if TYPE_CHECKING:
    from sweep.training.progress import TrainOptions
    from sweep.training.ranks import Ranks
    from sweep.training.result import EpochRecord
    from sweep.training.teachers import TeacherSource


def columns(task: Task) -> dict[str, Any]:
    return {"run_id": task.run_id, **rows.science_columns(task.run)}


def together(tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
    """One run at a time, or arrays."""
    return arrays_of(tasks, settings)


def results(
    tasks: Sequence[Task], pack: Pack, stops: Sequence[Callable[[], bool]]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Trains tasks that share data; see `sweep.training.engines.train_runs`.

    With the pack's engine; a task that cannot join an array comes alone (`sweep.worker.arrays.arrays_of`).
    """
    if pack.settings.processes_per_run > 1:
        for index, (task, stop) in enumerate(zip(tasks, stops, strict=True)):
            yield index, train_in_processes(task, pack, stop)
    else:
        yield from _in_this_process(tasks, pack, stops)


def _in_this_process(
    tasks: Sequence[Task], pack: Pack, stops: Sequence[Callable[[], bool]]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    import torch

    from sweep.training.engines import train_runs

    settings, device = pack.settings, torch.device(pack.settings.device)
    images = training_data(tasks[0], settings, device)
    runs = [task.run for task in tasks]
    options = [options_of(task, pack, stop) for task, stop in zip(tasks, stops, strict=True)]
    for index, result in train_runs(engine_of(tasks[0], settings), runs, images, device, options, settings.kernels):
        yield index, None if result is None else {**result.columns(), "curve": result.curve_rows()}


def options_of(task: Task, pack: Pack, stop: Callable[[], bool], ranks: "Ranks | None" = None) -> "TrainOptions":
    from sweep.training.progress import TrainOptions
    from sweep.training.ranks import ALONE

    ranks = ranks or ALONE

    def record_epoch(evaluated: "EpochRecord") -> None:
        if pack.prunable and ranks.is_first:
            record(pack.journal, EPOCH, task.task_id, **evaluated.columns())

    settings = pack.settings
    return TrainOptions(
        code=provenance.code_fingerprint(),
        checkpoint=pack.results.checkpoint(task.run_id),
        checkpoint_seconds=settings.checkpoint_seconds,
        weights=pack.results.weights(task.run_id) if settings.keep_weights else None,
        initial_weights=weights_file("initial_weights", task.run.initial_weights, settings),
        teacher=_teacher(task.run, settings),
        stop=stop,
        on_evaluation=record_epoch,
        ranks=ranks,
    )


def _teacher(run: RunConfig, settings: Settings) -> "TeacherSource | None":
    from sweep.training.teachers import TeacherSource

    weights, results_dir = weights_file("teacher", run.teacher, settings), Path(settings.results_dir)
    if weights is None:
        return None
    known = {row["run_id"]: row for row in rows.stored(results_dir, ("run_id", *RUN_FIELDS))}
    return TeacherSource(teacher_run(run, known), weights, ResultsDir(results_dir).cache)
