"""Training runs: alone, or several as an array."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from launchers.journal import EPOCH, journal_path, record
from launchers.packs import Pack, Task, engine_of
from launchers.paths import checkpoint_path, weights_path
from launchers.work.images import device_name, images_of
from sweep import provenance, rows

if TYPE_CHECKING:
    from sweep.training.progress import TrainOptions


def columns(task: Task) -> dict[str, Any]:
    return {"run_id": task.run_id, **rows.science_columns(task.run)}


def results(
    tasks: Sequence[Task], pack: Pack, stops: Sequence[Callable[[], bool]]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """Trains tasks that share data; see `sweep.training.engines.train_runs`.

    With the pack's engine; a task that cannot join an array comes alone (`launchers.arrays.arrays_of`).
    """
    import torch

    from sweep.training.engines import train_runs

    settings, device = pack.settings, torch.device(pack.settings.device)
    images = images_of(tasks[0], pack, device)
    runs = [task.run for task in tasks]
    options = [_options(task, pack, stop) for task, stop in zip(tasks, stops, strict=True)]
    for index, result in train_runs(engine_of(tasks[0], settings), runs, images, device, options, settings.kernels):
        yield index, result and {**result, "device": device_name(device)}


def _options(task: Task, pack: Pack, stop: Callable[[], bool]) -> "TrainOptions":
    from sweep.training.progress import TrainOptions

    def record_epoch(evaluated: Mapping[str, float | int | None]) -> None:
        if pack.prunable:
            record(journal_path(Path(pack.sweep_dir), pack.pack_id), EPOCH, task.task_id, **evaluated)

    settings, results_dir = pack.settings, Path(pack.settings.results_dir)
    return TrainOptions(
        code=provenance.code_fingerprint(),
        checkpoint=checkpoint_path(results_dir, task.run_id),
        checkpoint_seconds=settings.checkpoint_seconds,
        weights=weights_path(results_dir, task.run_id) if settings.keep_weights else None,
        stop=stop,
        on_evaluation=record_epoch,
    )
