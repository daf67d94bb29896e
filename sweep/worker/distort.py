"""Evaluating trained runs on corrupted test images, from the weights that they kept."""

import dataclasses
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sweep.config.distorting import GENERATED, Distortion
from sweep.config.run import DataSource, RunConfig, decodes_batches
from sweep.config.settings import Settings
from sweep.plan.distortions import BLOCK
from sweep.plan.packs import Pack, Task
from sweep.results.paths import ResultsDir
from sweep.results.schema import DISTORTIONS
from sweep.worker.images import training_data
from sweep.worker.work import KindOfWork, Outcome, Result, Stop

if TYPE_CHECKING:
    from torch import nn

    from sweep.data.arrays import Images
    from sweep.data.device import Split
    from sweep.data.interface import TrainingData


def distortion_of(task: Task) -> Distortion:
    assert isinstance(task.work.options, Distortion)
    return task.work.options


class Distorting(KindOfWork):
    """Evaluates trained runs on corrupted images, which are loaded once for all runs of a group."""

    table = DISTORTIONS

    def columns(self, task: Task, settings: Settings) -> dict[str, Any]:
        distortion = distortion_of(task)
        return {
            "task_id": task.task_id,
            "run_id": task.run_id,
            "corruption": distortion.corruption,
            "severity": distortion.severity,
            "corruption_seed": distortion.seed,
            "corruption_source": distortion.source,
        }

    def together(self, tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
        """Consecutive tasks on the same images."""
        groups = itertools.groupby(tasks, key=lambda task: (distortion_of(task), _clean(task)))
        return (list(group) for _, group in groups)

    def work_on(self, tasks: Sequence[Task], pack: Pack, stops: Sequence[Stop]) -> Iterator[Outcome]:
        """One after the other. What was stopped starts over: it takes seconds."""
        import torch

        from sweep.data.device import Split

        started = time.monotonic()
        data = _clean_images(_clean(tasks[0]), pack.settings)
        images = torch.tensor(_corrupted(tasks[0], pack.settings), device=pack.settings.device)
        split = Split(images, data.test.labels)
        shared_s = (time.monotonic() - started) / len(tasks)
        for task, stop in zip(tasks, stops, strict=True):
            yield Outcome(task, None if stop() else _evaluated(task, pack.settings, data, split, shared_s))


@dataclass(frozen=True)
class _Clean:
    """The clean images of a task, by what they are."""

    source: DataSource
    train_subset: int
    test_subset: int
    decoded: bool  # from files, for every batch
    task: Task = field(compare=False)  # one that needs them


def _clean(task: Task) -> _Clean:
    return _Clean(task.source, task.run.train_subset, task.run.test_subset, decodes_batches(task.run), task)


@lru_cache(maxsize=1)
def _clean_images(clean: _Clean, settings: Settings) -> "TrainingData":
    import torch

    task, device = clean.task, torch.device(settings.device)
    if not clean.decoded:  # augmentation takes memory, and is for training
        task = dataclasses.replace(task, run=dataclasses.replace(task.run, augmentation="none"))
    return training_data(task, settings, device)


def _corrupted(task: Task, settings: Settings) -> "Images":
    from sweep.distortions.images import images_for

    found = images_for(task.source, task.run)
    return found.load(distortion_of(task), ResultsDir(Path(settings.results_dir)).cache)


def _evaluated(task: Task, settings: Settings, data: "TrainingData", split: "Split", shared_s: float) -> Result:
    from sweep.training.device import device_name
    from sweep.training.evaluate import evaluate
    from sweep.training.precision import set_tf32

    started = time.monotonic()
    set_tf32(task.run.precision)
    model = _network(task.run, ResultsDir(Path(settings.results_dir)).weights(task.run_id), data)  # type: ignore[arg-type]
    evaluation = evaluate(model, data, split, task.run.precision)
    columns = {
        **_made_by(task, data),
        "images": len(split),
        "distorted_loss": evaluation.loss,
        "distorted_acc": evaluation.acc,
        "status": "finished",
        "seconds": shared_s + time.monotonic() - started,
        "device": device_name(split.labels.device),
    }
    return Result(Distorting.table, columns)


@lru_cache(maxsize=BLOCK)
def _network(run: RunConfig, weights: Path, data: "TrainingData") -> "nn.Module":
    import torch

    from sweep.distortions.evaluate import trained_network

    state = torch.load(weights, map_location="cpu", weights_only=True)
    return trained_network(state, run, data, data.test.labels.device)


def _made_by(task: Task, data: "TrainingData") -> dict[str, str]:
    from sweep.distortions import corrupt

    distortion = distortion_of(task)
    if distortion.source != GENERATED:
        return {"corruption_constants": distortion.source, "corruption_package": ""}
    return {
        "corruption_constants": corrupt.constants(*data.image_size),
        "corruption_package": corrupt.package_version(),
    }
