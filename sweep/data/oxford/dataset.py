"""Flowers and Pets, resized once."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from sweep.config.checks import ConfigError
from sweep.config.run import DataSource
from sweep.data import cache
from sweep.data.arrays import ImageArrays, Images, Labels
from sweep.data.oxford import PARTS, OxfordSet
from sweep.data.square import side_of, square


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Downloads the files where the network allows, and resizes every image once; raises `ConfigError`."""
    cache.write_once(_cache(source, cache_dir), partial(_read, source))


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return cache.read(_cache(source, cache_dir))


def _cache(source: DataSource, cache_dir: Path) -> Path:
    return cache_dir / f"{source.loader}-{side_of(source)}"


def _read(source: DataSource) -> ImageArrays:
    part = _part(source)
    assert part.facts is not None
    train = [_torchvision_split(source, split) for split in part.train_splits]
    test = [_torchvision_split(source, part.test_split)]
    arrays = *_arrays(source, train, part.facts.train_size), *_arrays(source, test, part.facts.test_size)
    return ImageArrays(*arrays, class_names=tuple(train[0].classes))


def _part(source: DataSource) -> OxfordSet:
    return next(part for part in PARTS if part.name == source.loader)


def _torchvision_split(source: DataSource, split: str) -> Any:
    """torchvision's data set, which gives (image, label) with images (side, side, 3) uint8."""
    from sweep.data.vision import torchvision

    dataset = getattr(torchvision.datasets, _part(source).torchvision)
    resize = partial(square, side=side_of(source))
    try:
        return dataset(source.directory, split=split, transform=resize, download=True)
    except (OSError, RuntimeError) as error:
        raise ConfigError(
            f"data_source={source.loader}: the files are not in data_dir={Path(source.directory).resolve()}, or are "
            f"damaged, and cannot be downloaded ({error}). Put torchvision's folder for {dataset.__name__} there, or "
            f"give data_dir=... of a place that has it"
        ) from error


def _arrays(source: DataSource, parts: Sequence[Any], size: int) -> tuple[Images, Labels]:
    """Images (size, side, side, 3) and labels (size,) of all `parts`, one after the other."""
    found = sum(map(len, parts))
    if found != size:
        raise ConfigError(f"data_dir={source.directory}: {found} images where {source.loader} has {size}")
    try:
        images, labels = zip(*(part[index] for part in parts for index in range(len(part))), strict=True)
    except OSError as error:
        raise ConfigError(f"data_dir={source.directory}: cannot read an image of {source.loader} ({error})") from error
    return np.stack(images), np.array(labels, dtype=np.int64)
