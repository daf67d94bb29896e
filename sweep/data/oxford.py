"""Oxford Flowers-102 and Oxford-IIIT Pets through torchvision, as square images of one size."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data import cache
from sweep.data.arrays import ImageArrays, Images, Labels
from sweep.data.square import side_of, square

SIZES = {  # training images, test images, classes
    "flowers102": (2040, 6149, 102),
    "pets": (3680, 3669, 37),
}
# Training on Flowers' training and validation images together is the rule in transfer learning (Kornblith et al. 2019).
SPLITS = {  # torchvision's, for training and for testing
    "flowers102": (("train", "val"), ("test",)),
    "pets": (("trainval",), ("test",)),
}


def describe(source: DataSource) -> DataFacts:
    side = side_of(source)
    train_size, test_size, classes = SIZES[source.kind]
    return DataFacts(train_size, test_size, channels=3, height=side, width=side, classes=classes)


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Downloads the files where the network allows, and resizes every image once; raises `ConfigError`."""
    cache.write_once(_cache(source, cache_dir), partial(_read, source))


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return cache.read(_cache(source, cache_dir))


def _cache(source: DataSource, cache_dir: Path) -> Path:
    return cache_dir / f"{source.kind}-{side_of(source)}"


def _read(source: DataSource) -> ImageArrays:
    train_size, test_size, _ = SIZES[source.kind]
    train, test = ([_torchvision_split(source, split) for split in splits] for splits in SPLITS[source.kind])
    names = tuple(train[0].classes)
    return ImageArrays(*_arrays(source, train, train_size), *_arrays(source, test, test_size), class_names=names)


def _torchvision_split(source: DataSource, split: str) -> Any:
    """torchvision's data set, which gives (image, label) with images (side, side, 3) uint8."""
    from sweep.data.vision import torchvision

    datasets = {"flowers102": torchvision.datasets.Flowers102, "pets": torchvision.datasets.OxfordIIITPet}
    dataset, resize = datasets[source.kind], partial(square, side=side_of(source))
    try:
        return dataset(source.directory, split=split, transform=resize, download=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"data_source={source.kind}: the files are not in data_dir={Path(source.directory).resolve()}, or are "
            f"damaged, and cannot be downloaded ({error}). Put torchvision's folder for {dataset.__name__} there, or "
            f"give data_dir=... of a place that has it"
        ) from error


def _arrays(source: DataSource, parts: Sequence[Any], size: int) -> tuple[Images, Labels]:
    """Images (size, side, side, 3) and labels (size,) of all `parts`, one after the other."""
    found = sum(map(len, parts))
    if found != size:
        raise ConfigError(f"data_dir={source.directory}: {found} images where {source.kind} has {size}")
    try:
        images, labels = zip(*(part[index] for part in parts for index in range(len(part))), strict=True)
    except OSError as error:
        raise ConfigError(f"data_dir={source.directory}: cannot read an image of {source.kind} ({error})") from error
    return np.stack(images), np.array(labels, dtype=np.int64)
