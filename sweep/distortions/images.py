"""The corrupted test images of a data set: made or found before workers start, read by every worker."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from sweep import data
from sweep.config.distorting import CIFAR_C, GENERATED, IMAGENET_C, Distortion
from sweep.config.run import DataSource, RunConfig, decodes_batches
from sweep.data.arrays import Images, Labels
from sweep.data.files import Paths
from sweep.data.resized import central_crop
from sweep.distortions import corrupt
from sweep.distortions.generate import Maker, alone_in, beside, file_of, missing, write_missing
from sweep.distortions.published import ImageNetC, check_cifar_labels, check_classes, cifar_images, mapped


@dataclass(frozen=True)
class CleanImages:
    """Makes corrupted images of those in a file; any process reads only what it needs."""

    path: Path  # of the images (N, H, W, C)
    index: Path  # of their indices in the whole test set (N,)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        shape: tuple[int, int, int, int] = mapped(self.path).shape
        return shape

    def image(self, distortion: Distortion, position: int) -> Images:
        return corrupt.corrupted_image(mapped(self.path)[position], distortion, int(mapped(self.index)[position]))


@dataclass(frozen=True)
class TestSet:
    """The clean test images, in memory or in files, as networks get them."""

    labels: Labels
    class_names: tuple[str, ...]
    side: int  # in pixels
    image: Callable[[int], Images]  # (H, W, C), by its index


@dataclass(frozen=True)
class CorruptedImages:
    """The corrupted images of a test set, whole or the `subset` that runs are evaluated on."""

    source: DataSource
    subset: int  # images, 0 for all
    sha256: str  # of the data set, empty where its name fixes the content
    decoded: bool  # from files, as evaluation has them, see sweep/data/streamed.py; otherwise from those in memory

    def load(self, distortion: Distortion, cache_dir: Path) -> Images:
        """Returns images (N, H, W, C), memory-mapped; after `prepare`."""
        if distortion.source == CIFAR_C:
            images = cifar_images(distortion)
            return images[_index(len(images), self.subset)]
        found: Images = np.load(file_of(self._folder(distortion, cache_dir), distortion), mmap_mode="r")
        return found

    def missing(self, distortions: Sequence[Distortion], cache_dir: Path) -> list[Distortion]:
        """Returns the corruptions whose images `prepare` has to make."""
        made = [distortion for distortion in distortions if distortion.source != CIFAR_C]
        return [each for each in made if missing(self._folder(each, cache_dir), [each])]

    def prepare(
        self, distortions: Sequence[Distortion], cache_dir: Path, workers: int, made: Callable[[int], None]
    ) -> None:
        """Checks published images, and makes the files of the others; raises `ConfigError`.

        `distortions` are of one source. `made` is told of every few images.
        """
        first = distortions[0]
        if first.source == GENERATED:
            corrupt.check_package()
        clean = self._test_set(cache_dir)
        if first.source == CIFAR_C:
            check_cifar_labels(first.directory, clean.labels, self.source.name)
            return
        if first.source == IMAGENET_C:
            check_classes(distortions, clean.labels, clean.class_names, self.source.name)
        folder = self._folder(first, cache_dir)
        with alone_in(folder):
            write_missing(folder, distortions, self._maker(first.source, clean, folder), workers, made)

    def _test_set(self, cache_dir: Path) -> TestSet:
        if self.decoded:
            files = data.load_files(self.source)
            decode = partial(_decoded, files.test_files, files.side)
            return TestSet(files.test_labels, files.class_names, files.side, decode)
        data.prepare(self.source, cache_dir)
        arrays = data.load(self.source, cache_dir)
        images = arrays.test_images
        return TestSet(arrays.test_labels, arrays.class_names, images.shape[1], images.__getitem__)

    def _folder(self, distortion: Distortion, cache_dir: Path) -> Path:
        """Its name changes with the images, and with what makes them."""
        published = f"{distortion.source} {Path(distortion.directory).resolve()}"
        by = _generator() if distortion.source == GENERATED else published
        made_by = hashlib.sha256(by.encode()).hexdigest()[:8]
        form = "-files" if self.decoded else ""
        return cache_dir / "corrupted" / f"{self.source.name}-{self.sha256[:16]}-{self.subset}{form}-{made_by}"

    def _maker(self, source: str, clean: TestSet, folder: Path) -> Maker:
        index = _index(len(clean.labels), self.subset)
        _save(folder / "index.npy", index, index.__getitem__)
        if source == IMAGENET_C:
            return ImageNetC(clean.class_names, folder / "index.npy", clean.side)
        _save(folder / "clean.npy", index, lambda position: clean.image(index[position]))
        return CleanImages(folder / "clean.npy", folder / "index.npy")


def images_for(source: DataSource, run: RunConfig) -> CorruptedImages:
    """Returns the corrupted images that `run` is evaluated on."""
    return CorruptedImages(source, run.test_subset, run.data_sha256, decodes_batches(run))


def _generator() -> str:
    """The package, and our code around it."""
    return f"{corrupt.package_version()} {hashlib.sha256(Path(corrupt.__file__).read_bytes()).hexdigest()}"


def _index(size: int, subset: int) -> Labels:
    from sweep.data.device import subset_index  # brings torch

    return subset_index(size, subset)


def _decoded(files: Paths, side: int, index: int) -> Images:
    with Image.open(os.fsdecode(files[index])) as image:
        return central_crop(image, side)


def _save(path: Path, index: Labels, item: Callable[[int], Any]) -> None:
    """An array of what `item` gives for every position in `index`, one after the other: all need not fit in memory."""
    if path.exists():
        return
    first = np.asarray(item(0))
    with beside(path) as unfinished:
        array = np.lib.format.open_memmap(unfinished, mode="w+", dtype=first.dtype, shape=(len(index), *first.shape))
        for position in range(len(index)):
            array[position] = item(position)
        array.flush()
