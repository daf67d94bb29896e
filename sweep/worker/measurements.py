"""Measuring the flatness of trained runs, from the weights that they kept."""

import time
from collections.abc import Iterator, Sequence
from typing import Any

from sweep.config.measuring import MeasureConfig
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results import rows
from sweep.results.schema import MEASURES
from sweep.worker.images import training_data
from sweep.worker.work import KindOfWork, Outcome, Result, Stop


class Measuring(KindOfWork):
    """Measures trained runs, one after the other."""

    table = MEASURES

    def columns(self, task: Task, settings: Settings) -> dict[str, Any]:
        config = config_of(task)
        return {
            "task_id": task.task_id,
            "run_id": task.run_id,
            "measure_id": config.options_id,
            **rows.measure_columns(config),
        }

    def work_on(self, tasks: Sequence[Task], pack: Pack, stops: Sequence[Stop]) -> Iterator[Outcome]:
        """A measurement has no checkpoint: one that was stopped starts over."""
        from sweep.training.progress import Interrupted

        for task, stop in zip(tasks, stops, strict=True):
            try:
                yield Outcome(task, Result(self.table, _measured(task, pack, stop)))
            except Interrupted:
                yield Outcome(task, None)


def config_of(task: Task) -> MeasureConfig:
    assert isinstance(task.work.options, MeasureConfig)
    return task.work.options


def _measured(task: Task, pack: Pack, stop: Stop) -> dict[str, Any]:
    import torch

    from sweep.measures.measurement import measure
    from sweep.training.device import device_name
    from sweep.training.precision import set_tf32

    config, started = config_of(task), time.monotonic()
    set_tf32(config.precision)  # whatever the run was trained in
    device = torch.device(pack.settings.device)
    state = torch.load(pack.results.weights(task.run_id), map_location="cpu", weights_only=True)
    found = measure(state, task.run, training_data(task, pack.settings, device), device, config, stop=stop)
    seconds = time.monotonic() - started
    return {**found, "status": "finished", "seconds": seconds, "device": device_name(device)}
