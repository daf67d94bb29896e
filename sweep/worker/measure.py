"""Measuring the flatness of trained runs, from the weights that they kept."""

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from sweep.config.measuring import MeasureConfig
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results import rows
from sweep.worker.images import training_data


def columns(task: Task) -> dict[str, Any]:
    assert isinstance(task.work.options, MeasureConfig)
    return {
        "task_id": task.task_id,
        "run_id": task.run_id,
        "measure_id": task.work.options.options_id,
        **rows.measure_columns(task.work.options),
    }


def together(tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
    """One run at a time."""
    return ([task] for task in tasks)


def results(
    tasks: Sequence[Task], pack: Pack, stops: Sequence[Callable[[], bool]]
) -> Iterator[tuple[int, dict[str, Any] | None]]:
    """One after the other. A measurement has no checkpoint: one that was stopped starts over."""
    from sweep.training.progress import Interrupted

    for index, (task, stop) in enumerate(zip(tasks, stops, strict=True)):
        try:
            yield index, _measured(task, pack, stop)
        except Interrupted:
            yield index, None


def _measured(task: Task, pack: Pack, stop: Callable[[], bool]) -> dict[str, Any]:
    import torch

    from sweep.measures.measure import measure
    from sweep.training.device import device_name
    from sweep.training.precision import set_tf32

    assert isinstance(task.work.options, MeasureConfig)
    started = time.monotonic()
    set_tf32(task.work.options.precision)  # whatever the run was trained in
    device = torch.device(pack.settings.device)
    state = torch.load(pack.results.weights(task.run_id), map_location="cpu", weights_only=True)
    found = measure(state, task.run, training_data(task, pack.settings, device), device, task.work.options, stop=stop)
    seconds = time.monotonic() - started
    return {**found, "status": "finished", "seconds": seconds, "device": device_name(device)}
