"""The published corrupted images, where the user has them: CIFAR-10-C and CIFAR-100-C, and ImageNet-C."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sweep.config.checks import ConfigError, allowed
from sweep.config.distorting import CIFAR_C, CORRUPTIONS, GENERATED, IMAGENET_C, SEVERITIES, Distortion
from sweep.config.facts import DataFacts
from sweep.data.arrays import Images, Labels
from sweep.data.image_folder.dataset import EXTENSIONS
from sweep.data.square import square

SHOWN = 3  # names in an error


def source_in(directory: str | None) -> str:
    """Returns what `directory` holds, or that images are generated where none is given; raises `ConfigError`."""
    if directory is None:
        return GENERATED
    folder = Path(directory)
    if not folder.is_dir():
        raise ConfigError(f"corruption_dir={folder.resolve()}: no such directory; leave it out to generate the images")
    if any((folder / f"{name}.npy").exists() for name in CORRUPTIONS):
        return CIFAR_C
    if any(_folders(folder, name) for name in CORRUPTIONS):
        return IMAGENET_C
    raise ConfigError(
        f"corruption_dir={folder.resolve()}: neither CIFAR-C's files there, such as {CORRUPTIONS[0]}.npy, nor "
        f"ImageNet-C's folders, such as {CORRUPTIONS[0]}/1/<class>; leave it out to generate the images"
    )


def _folders(directory: Path, corruption: str) -> list[Path]:
    """ImageNet-C's archives hold the folders of corruptions; some unpack each archive into a folder of its own."""
    return [path for path in (directory / corruption, *directory.glob(f"*/{corruption}")) if path.is_dir()]


def check_files(distortions: Iterable[Distortion], facts: DataFacts, dataset: str) -> None:
    """Raises `ConfigError` where a published file or folder is missing, or cannot be `dataset`'s test images."""
    for distortion in distortions:
        if distortion.source == CIFAR_C:
            _check_cifar_file(_cifar_file(distortion), facts, dataset)
        elif facts.height != facts.width or facts.channels != 3:
            raise ConfigError(
                f"corruption_dir={distortion.directory}: ImageNet-C's images are square and coloured, those of "
                f"{dataset} are {facts.height} x {facts.width} with {facts.channels} channels"
            )
        else:
            severity_folder(distortion)


def _cifar_file(distortion: Distortion) -> Path:
    return Path(distortion.directory) / f"{distortion.corruption}.npy"


def _check_cifar_file(path: Path, facts: DataFacts, dataset: str) -> None:
    if not path.exists():
        raise ConfigError(f"{path}: not there; leave out corruption={path.stem}, or corruption_dir to generate all")
    needed = (len(SEVERITIES) * facts.test_size, facts.height, facts.width, facts.channels)
    found = mapped(path)
    if found.shape != needed or found.dtype != np.uint8:
        raise ConfigError(
            f"{path}: {found.dtype} of shape {found.shape}; for {dataset} uint8 of shape {needed} is needed, its "
            f"{facts.test_size} test images at severity 1 to 5, one after the other"
        )


@cache
def mapped(path: Path) -> Any:
    """The array in a file, memory-mapped; raises `ConfigError`."""
    try:
        return np.load(path, mmap_mode="r")
    except (ValueError, OSError, EOFError) as error:
        raise ConfigError(f"{path}: not an array of numpy ({error})") from error


def cifar_images(distortion: Distortion) -> Images:
    """All test images (N, H, W, C) at one severity, memory-mapped."""
    images = mapped(_cifar_file(distortion))
    size = len(images) // len(SEVERITIES)
    severity: Images = images[(distortion.severity - 1) * size : distortion.severity * size]
    return severity


def check_cifar_labels(directory: str, labels: Labels, dataset: str) -> None:
    """Raises `ConfigError` where the corrupted images are not those of `labels`, image by image."""
    path = Path(directory) / "labels.npy"
    if not path.exists():
        raise ConfigError(f"{path}: not there; it says which images were corrupted")
    found = mapped(path)
    if found.shape != (len(SEVERITIES) * len(labels),) or (found.reshape(len(SEVERITIES), -1) != labels).any():
        raise ConfigError(
            f"{path}: not the labels of {dataset}'s {len(labels)} test images five times: these are other images, or "
            f"the same in another order"
        )


def severity_folder(distortion: Distortion) -> Path:
    """ImageNet-C's folder of classes; raises `ConfigError`."""
    found = [
        folder / str(distortion.severity) for folder in _folders(Path(distortion.directory), distortion.corruption)
    ]
    for path in found:
        if path.is_dir():
            return path
    raise ConfigError(
        f"corruption_dir={distortion.directory}: no folder {distortion.corruption}/{distortion.severity} there; "
        f"leave it out of corruption and severity, or leave out corruption_dir to generate all"
    )


def check_classes(distortions: Iterable[Distortion], labels: Labels, names: tuple[str, ...], dataset: str) -> None:
    """Raises `ConfigError` where a folder has not the classes of `dataset`, or another number of images in one."""
    counts = np.bincount(labels, minlength=len(names))
    for distortion in distortions:
        folder = severity_folder(distortion)
        classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir())
        different = sorted(set(classes) ^ set(names))
        if different:
            raise ConfigError(
                f"{folder}: needs a folder for every class of {dataset} and no other; {len(different)} are in one "
                f"alone, such as {allowed(different[:SHOWN])}"
            )
        for name, count in zip(names, counts, strict=True):
            found = len(_class_files(folder / name))
            if found != count:
                raise ConfigError(f"{folder / name}: {found} images, where {dataset} has {count} test images")


def _class_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.lower().endswith(EXTENSIONS))


@cache
def _files(folder: Path, classes: tuple[str, ...]) -> list[Path]:
    """In the order of `sweep.data.image_folder`: by class, then by name."""
    return [path for name in classes for path in _class_files(folder / name)]


@dataclass(frozen=True)
class ImageNetC:
    """Makes images of ImageNet-C's files, as `sweep.data.image_folder` makes them of the clean ones."""

    classes: tuple[str, ...]
    index: Path  # file of the indices of the test images that are used
    side: int

    @property
    def shape(self) -> tuple[int, int, int, int]:
        return len(mapped(self.index)), self.side, self.side, 3

    def image(self, distortion: Distortion, position: int) -> Images:
        path = _files(severity_folder(distortion), self.classes)[mapped(self.index)[position]]
        try:
            return square(Image.open(path), self.side)
        except OSError as error:
            raise ConfigError(f"{path}: not an image ({error})") from error
