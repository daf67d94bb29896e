"""CIFAR as torchvision reads it."""

from pathlib import Path
from typing import Any

import numpy as np

from sweep.config.checks import ConfigError
from sweep.config.run import DataSource
from sweep.data.arrays import ImageArrays


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Downloads and checks the files; raises `ConfigError` that says where to put them."""
    dataset = _dataset_class(source)
    try:
        dataset(source.directory, train=True, download=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"dataset={source.loader}: {dataset.base_folder} is not in data_dir={Path(source.directory).resolve()}, "
            f"or is damaged, and cannot be downloaded from {dataset.url} ({error}). Put the unpacked folder or "
            f"{dataset.filename} there, give data_dir=... of a place that has it, or train on dataset=digits, "
            f"which needs no download"
        ) from error


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    dataset = _dataset_class(source)
    train, test = (dataset(source.directory, train=train) for train in (True, False))
    labels = [np.asarray(split.targets, dtype=np.int64) for split in (train, test)]
    return ImageArrays(train.data, labels[0], test.data, labels[1], tuple(train.classes))


def _dataset_class(source: DataSource) -> Any:
    from sweep.data.vision import torchvision

    return getattr(torchvision.datasets, source.loader.upper())
