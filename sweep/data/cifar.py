"""CIFAR-10 and CIFAR-100 through torchvision, downloaded where the network allows."""

from pathlib import Path
from typing import Any

import numpy as np

from sweep.config import ConfigError, DataSource
from sweep.cost import DataFacts
from sweep.data.arrays import ImageArrays


def describe(source: DataSource) -> DataFacts:
    classes = {"cifar10": 10, "cifar100": 100}[source.kind]
    return DataFacts(train_size=50_000, test_size=10_000, channels=3, height=32, width=32, classes=classes)


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Downloads and checks the files; raises `ConfigError` that says where to put them."""
    dataset = _dataset_class(source)
    try:
        dataset(source.directory, train=True, download=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"dataset={source.kind}: {dataset.base_folder} is not in data_dir={Path(source.directory).resolve()}, "
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
    datasets = import_torchvision_datasets()
    return {"cifar10": datasets.CIFAR10, "cifar100": datasets.CIFAR100}[source.kind]


def import_torchvision_datasets() -> Any:
    """torchvision.datasets, also beside a CPU build of torch that does not match torchvision's operators.

    PyPI has torchvision only with CUDA operators. Beside another build of torch they do not load, and the
    import fails on the missing schema of nms, which no data set uses; a schema is enough.
    """
    import torch

    try:
        import torchvision.datasets
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
        for name in ("nms", "qnms"):
            torch.library.define(f"torchvision::{name}", schema)
        import torchvision.datasets
    return torchvision.datasets
