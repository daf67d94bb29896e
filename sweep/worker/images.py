"""The images of a task on the device of its worker."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from sweep import data
from sweep.config.run import DataSource, decodes_batches
from sweep.config.settings import Settings
from sweep.data.arrays import ImageArrays
from sweep.data.files import ImageFiles
from sweep.plan.packs import Task
from sweep.results.paths import ResultsDir

if TYPE_CHECKING:
    import torch

    from sweep.data.device import ImageData
    from sweep.data.interface import TrainingData


def training_data(task: Task, settings: Settings, device: "torch.device") -> "TrainingData":
    """The images of `task` in memory, or decoded from their files as they are needed."""
    if not decodes_batches(task.run):
        return images_of(task, settings, device)
    from sweep.data.streamed import StreamedData

    return StreamedData(_load_files(task.source), task.run, device, settings.decode_workers)


@cache
def _load_files(source: DataSource) -> ImageFiles:
    return data.load_files(source)


def images_of(task: Task, settings: Settings, device: "torch.device") -> "ImageData":
    from sweep.data.device import ImageData

    return ImageData(_load(task.source, ResultsDir(Path(settings.results_dir)).cache), task.run, device)


@cache
def _load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return data.load(source, cache_dir)
