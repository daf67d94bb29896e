"""A data set that does not fit in memory: its images are decoded for every batch, by processes of their own."""

import io
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig
from sweep.data.arrays import Labels
from sweep.data.device import batch_sizes, subset_index
from sweep.data.files import ImageFiles, Paths
from sweep.data.interface import WHOLE, Batch, Part
from sweep.data.order import augmentation_key, permutation, random_bits
from sweep.data.resized import central_crop, random_crop

# Of ImageNet's training set, for values from 0 to 1, as the field has them. Those of another data set would need a pass
# over all of it.
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MOST_EVALUATED = 250  # images of a batch: decoded ones wait in memory
_Wanted = tuple[NDArray[np.int64], int | None]  # indices of a batch, and the key of its crops; None: their centres


@dataclass(frozen=True)
class _Decoder(Dataset[tuple[Tensor, Tensor]]):
    """Batches by what is in them. Gets copied into worker processes."""

    files: Paths
    labels: NDArray[np.int64]
    side: int

    def __getitem__(self, wanted: _Wanted) -> tuple[Tensor, Tensor]:
        """Images, uint8 (B, side, side, 3), and labels (B,)."""
        index, key = wanted
        bits: list[int | None] = [None] * len(index)
        if key is not None:
            bits = random_bits(key, torch.from_numpy(index)).tolist()
        images = [self._decode(os.fsdecode(self.files[i]), b) for i, b in zip(index, bits, strict=True)]
        return torch.from_numpy(np.stack(images)), torch.from_numpy(self.labels[index])

    def _decode(self, file: str, bits: int | None) -> NDArray[np.uint8]:
        try:
            # read at once: Pillow would ask for small pieces, slow where the files are on a network
            with Image.open(io.BytesIO(Path(file).read_bytes())) as image:
                return central_crop(image, self.side) if bits is None else random_crop(image, self.side, bits)
        except OSError as error:
            raise ConfigError(f"{file}: not an image ({error})") from error


def _set_signals(worker: int) -> None:
    """As a new process has them, not those of the one that trains, which asks this one to end by SIGTERM.

    What a scheduler sends to all of a process group is not for this one.
    """
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGUSR2, signal.SIG_IGN)


@dataclass
class _Loader:
    """Decodes what is put into `wanted`, in order, some batches ahead; `workers` 0: in this process."""

    decoder: _Decoder
    workers: int
    device: torch.device
    wanted: list[_Wanted] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loader = DataLoader(
            self.decoder,
            batch_size=None,
            sampler=self.wanted,
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=_set_signals,
            generator=torch.Generator(),  # of seeds that nothing here uses; by default it is the global one
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in self._loader:
            yield images.to(self.device, non_blocking=True), labels.to(self.device, non_blocking=True)


class StreamedSplit:
    """See `CleanSplit`."""

    def __init__(self, files: Paths, labels: NDArray[np.int64], side: int, workers: int, device: torch.device) -> None:
        self.decoder, self.workers = _Decoder(files, labels, side), workers
        self.labels = torch.from_numpy(labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, index: Labels) -> tuple[Tensor, Tensor]:
        images, labels = zip(*self._decoded(index, MOST_EVALUATED), strict=True)
        return torch.cat(images), torch.cat(labels)

    def batches(self, size: int, part: Part = WHOLE) -> Iterator[tuple[Tensor, Tensor]]:
        yield from self._decoded(np.arange(len(self))[part.of(len(self))], min(size, MOST_EVALUATED))

    def _decoded(self, index: Labels, size: int) -> Iterator[tuple[Tensor, Tensor]]:
        wanted: list[_Wanted] = [(index[start : start + size], None) for start in range(0, len(index), size)]
        yield from _Loader(self.decoder, self.workers, self.labels.device, wanted)


class StreamedData:
    """The images that `run` trains and is evaluated on, in files; see `TrainingData`."""

    channels = 3

    def __init__(self, files: ImageFiles, run: RunConfig, device: torch.device, workers: int) -> None:
        """`workers`: processes that decode the images of this one."""
        self.train = _split(files.train_files, files.train_labels, run.train_subset, files.side, workers, device)
        self.test = _split(files.test_files, files.test_labels, run.test_subset, files.side, workers, device)
        self.classes = len(files.class_names)
        self.image_size = (files.side, files.side)
        self._mean, self._std = (torch.tensor(values, device=device) * 255 for values in (MEAN, STD))

    def normalize(self, images: Tensor) -> Tensor:
        return ((images.float() - self._mean) / self._std).permute(0, 3, 1, 2)

    def batches(self, run: RunConfig, part: Part = WHOLE) -> "StreamedBatches":
        return StreamedBatches(self.train, run.seed, run.batch_size, part)


class StreamedBatches:
    """See `Batches`."""

    capturable = False

    def __init__(self, split: StreamedSplit, seed: int, batch_size: int, part: Part) -> None:
        self._images, self._seed, self._part = len(split), seed, part
        self._loader = _Loader(split.decoder, split.workers, split.labels.device)
        self._decoded: Iterator[tuple[Tensor, Tensor]] = iter(())
        self._index: Iterator[NDArray[np.int64]] = iter(())
        self.sizes = batch_sizes(len(split), batch_size)

    def start(self, epoch: int, step: int) -> None:
        """Batches decoded for where it was before are forgotten."""
        order = permutation(self._seed, epoch, self._images, torch.device("cpu")).numpy()
        key = augmentation_key(self._seed, epoch)
        batches = np.split(order, np.cumsum(self.sizes)[:-1])[step:]
        own = [batch[self._part.of(len(batch))] for batch in batches]
        self._loader.wanted[:] = [(index, key) for index in own]
        self._decoded, self._index, self._epoch = iter(self._loader), iter(own), epoch

    def next_batch(self, size: int) -> Batch:
        images, labels = next(self._decoded)
        image = torch.from_numpy(next(self._index)).to(labels.device)
        return Batch(images[None], labels[None], image[None], torch.full_like(image, self._epoch)[None])


def _split(
    files: Paths, labels: NDArray[np.int64], subset: int, side: int, workers: int, device: torch.device
) -> StreamedSplit:
    index = subset_index(len(labels), subset)
    return StreamedSplit(files[index], labels[index], side, workers, device)
