"""The images of a task on the device of its worker."""

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from launchers.packs import Pack, Task
from sweep import data
from sweep.config import DataSource
from sweep.data.arrays import ImageArrays

if TYPE_CHECKING:
    import torch

    from sweep.data.device import ImageData


def images_of(task: Task, pack: Pack, device: "torch.device") -> "ImageData":
    from sweep.data.device import ImageData

    return ImageData(_load(task.source, Path(pack.settings.results_dir) / "cache"), task.run, device)


@cache
def _load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return data.load(source, cache_dir)


def device_name(device: "torch.device") -> str:
    """As rows have it: cpu, or the name of the GPU."""
    import torch

    return "cpu" if device.type == "cpu" else torch.cuda.get_device_name(device)
