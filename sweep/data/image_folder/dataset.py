"""Folders of image files: listed, decoded, resized."""

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from sweep.config.checks import ConfigError, allowed
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data import cache
from sweep.data.arrays import ImageArrays, Images, Labels
from sweep.data.files import ImageFiles, paths_of
from sweep.data.square import side_of, square

EXTENSIONS = (".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")  # as torchvision
SPLITS = ("train", "val")
SHOWN = 3  # classes named in an error


@dataclass(frozen=True)
class _File:
    path: Path
    label: int
    bytes: int


def describe(source: DataSource) -> DataFacts:
    side, (classes, train, val) = side_of(source), _listing(source)
    digest = hashlib.sha256(repr((side, classes)).encode())
    for file in (*train, *val):
        # of 150 GB of ImageNet, names and sizes have to do
        digest.update(f"{file.path.relative_to(source.directory).as_posix()} {file.bytes}\n".encode())
    return DataFacts(len(train), len(val), 3, side, side, len(classes), digest.hexdigest(), has_files=True)


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Resizes every image once, on all cores; raises `ConfigError`. All of them have to fit in memory."""
    cache.write_once(_cache(source, cache_dir), partial(_read, source))


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    return cache.read(_cache(source, cache_dir))


def load_files(source: DataSource) -> ImageFiles:
    classes, train, val = _listing(source)
    files = [(paths_of(file.path for file in split), _labels(split)) for split in (train, val)]
    return ImageFiles(*files[0], *files[1], class_names=classes, side=side_of(source))


def _cache(source: DataSource, cache_dir: Path) -> Path:
    return cache_dir / f"{source.name}-{describe(source).sha256[:16]}"


def _listing(source: DataSource) -> tuple[tuple[str, ...], list[_File], list[_File]]:
    """Names of the classes, and the files of both splits, in an order that does not depend on the file system."""
    classes = [_classes(source, split) for split in SPLITS]
    different = sorted(set(classes[0]) ^ set(classes[1]))
    if different:
        raise ConfigError(
            f"data_dir={source.directory}: train and val need folders for the same classes, {len(different)} are in "
            f"one alone, such as {allowed(different[:SHOWN])}"
        )
    train, val = (list(_files(Path(source.directory) / split, classes[0])) for split in SPLITS)
    return classes[0], train, val


def _classes(source: DataSource, split: str) -> tuple[str, ...]:
    folder = Path(source.directory) / split
    names = sorted(entry.name for entry in folder.iterdir() if entry.is_dir()) if folder.is_dir() else []
    if not names:
        raise ConfigError(
            f"data_dir={Path(source.directory).resolve()}: no folders {split}/<class> there; dataset=image_folder "
            f"needs one folder per class in both train and val (torchvision.datasets.ImageNet makes them of ImageNet's "
            f"archives)"
        )
    return tuple(names)


def _files(folder: Path, classes: tuple[str, ...]) -> Iterator[_File]:
    for label, name in enumerate(classes):
        with os.scandir(folder / name) as entries:
            images = sorted((e.name, e.stat().st_size) for e in entries if e.name.lower().endswith(EXTENSIONS))
        if not images:
            raise ConfigError(f"{folder / name}: no image there; files end in {allowed(EXTENSIONS)}")
        yield from (_File(folder / name / image, label, size) for image, size in images)


def _read(source: DataSource) -> ImageArrays:
    side, (classes, train, val) = side_of(source), _listing(source)
    return ImageArrays(*_arrays(train, side), *_arrays(val, side), class_names=classes)


def _arrays(files: list[_File], side: int) -> tuple[Images, Labels]:
    """Images (N, side, side, 3) and labels (N,)."""
    images = np.empty((len(files), side, side, 3), dtype=np.uint8)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # Pillow decodes without the interpreter's lock
        for index, image in enumerate(threads.map(partial(_decode, side=side), files)):
            images[index] = image
    return images, _labels(files)


def _labels(files: list[_File]) -> Labels:
    return np.array([file.label for file in files], dtype=np.int64)


def _decode(file: _File, side: int) -> Images:
    """(side, side, 3)."""
    try:
        with Image.open(file.path) as image:
            return square(image, side)
    except OSError as error:
        raise ConfigError(f"{file.path}: not an image ({error})") from error
