"""Images of CIFAR-10's shape, given or made from a seed."""

import tempfile
from pathlib import Path

import numpy as np

from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data.arrays import ImageArrays
from sweep.data.parquet_images import dataset as parquet_images


def load_images(directory: str | None, train_size: int, test_size: int) -> ImageArrays:
    """Those in `directory` (parquet files, see sweep/data/parquet_images), or random ones in these numbers."""
    if directory is None:
        return random_images(train_size, test_size)
    source = DataSource("parquet_images", "benchmark", directory)
    with tempfile.TemporaryDirectory() as cache:
        parquet_images.prepare(source, Path(cache))
        return parquet_images.load(source, Path(cache))


def random_images(train_size: int, test_size: int, seed: int = 0) -> ImageArrays:
    """uint8 noise, labels from 0 to 9."""
    rng = np.random.default_rng(seed)
    images = [rng.integers(0, 256, (size, 32, 32, 3), dtype=np.uint8) for size in (train_size, test_size)]
    labels = [rng.integers(0, 10, size) for size in (train_size, test_size)]
    return ImageArrays(images[0], labels[0], images[1], labels[1], tuple("0123456789"))


def facts_of(arrays: ImageArrays) -> DataFacts:
    height, width, channels = arrays.train_images.shape[1:]
    sizes = len(arrays.train_labels), len(arrays.test_labels)
    return DataFacts(*sizes, channels, height, width, len(arrays.class_names))
