"""A data set on the device that trains on it: uint8 images, labels, normalization constants."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays, Labels
from sweep.data.crops import resized_crops
from sweep.data.interface import WHOLE, Batch, Part
from sweep.data.order import augment, augmentation_key, epoch_order, pad, permutation

SUBSET_SEED = 0  # subsets are the same images for every run
PADDED = ("crop", "flip", "crop_flip")  # augmentations of padded images


@dataclass(frozen=True)
class Split:
    images: Tensor  # (N, H, W, C) uint8
    labels: Tensor  # (N,) int64

    def __len__(self) -> int:
        return len(self.labels)

    def taken(self, index: Labels) -> tuple[Tensor, Tensor]:
        """Implements `CleanSplit.taken`, without a copy where it is all of them."""
        place = slice(None) if len(index) == len(self) else torch.from_numpy(index).to(self.labels.device)
        return self.images[place], self.labels[place]

    def batches(self, size: int, part: Part = WHOLE) -> Iterator[tuple[Tensor, Tensor]]:
        """Implements `CleanSplit.batches`."""
        own = part.of(len(self))
        yield from zip(self.images[own].split(size), self.labels[own].split(size), strict=True)


class ImageData:
    """The images that `run` trains and is evaluated on, on `device`."""

    def __init__(self, arrays: ImageArrays, run: RunConfig, device: torch.device) -> None:
        self.train = _split(arrays.train_images, arrays.train_labels, run.train_subset, device)
        self.test = _split(arrays.test_images, arrays.test_labels, run.test_subset, device)
        self.classes = len(arrays.class_names)
        self.channels = self.train.images.shape[-1]
        self.image_size = (self.train.images.shape[1], self.train.images.shape[2])  # height, width
        self._mean, self._std = _statistics(self.train.images)
        self._augmentation = run.augmentation
        self._padded = pad(self.train.images) if run.augmentation in PADDED else self.train.images

    def batches(self, run: RunConfig, part: Part = WHOLE) -> "EpochBatches":
        crops = Crops(run.crops, run.crop_pool, run.epochs)
        return EpochBatches(self, [run.seed], run.batch_size, crops, part)

    def train_images(self, index: Tensor, key: int | Tensor) -> Tensor:
        """The augmented training images `index` (..., B) as uint8 (..., B, H, W, C); `key` as in `augment`."""
        if self._augmentation == "none":
            return self.train.images[index]
        if self._augmentation.startswith("resized_crop"):
            return resized_crops(self.train.images, index, key, flips=self._augmentation.endswith("flip"))
        return augment(self._padded, index, self._augmentation, key)

    def standardize(self, images: Tensor) -> Tensor:
        """Turns uint8 (..., H, W, C) into float32, by the training set's statistics."""
        return (images.float() - self._mean) / self._std

    def normalize(self, images: Tensor) -> Tensor:
        """Turns uint8 (B, H, W, C) into standardized float32 (B, C, H, W) in channels-last memory."""
        return self.standardize(images).permute(0, 3, 1, 2)


@dataclass(frozen=True)
class Crops:
    """The number of crops of an image that a batch has, up to the last as many `epochs`, and of how many different
    ones.
    """

    count: int = 1
    pool: int = 0  # 0: new ones in every epoch
    epochs: int = 0  # of the run

    def in_epoch(self, epoch: int) -> int:
        return self.count if epoch < self.epochs - self.count else 1

    def number(self, numbers: Tensor) -> Tensor:
        """Returns the numbers of the crops that stand for these, which `epoch_order` has numbered."""
        return numbers % self.pool if self.pool else numbers


class EpochBatches:
    """The batches of an epoch for one or more seeds. Where it stands is on the device, for captured steps to move."""

    capturable = True

    def __init__(
        self,
        data: ImageData,
        seeds: Sequence[int],
        batch_size: int,
        crops: Crops | None = None,
        part: Part = WHOLE,
    ) -> None:
        device, size = data.train.labels.device, len(data.train)
        self._data, self._seeds, self._crops, self._part = data, tuple(seeds), crops or Crops(), part
        self.sizes = batch_sizes(size, batch_size)
        self._order = torch.zeros(len(seeds), size, dtype=torch.int64, device=device)
        self._crop = torch.zeros_like(self._order)
        keys = size if self._crops.count > 1 else 1  # of augmentations; one is for the whole epoch
        self._key = torch.zeros(len(seeds), keys, dtype=torch.int64, device=device)
        self._position = torch.zeros((), dtype=torch.int64, device=device)
        self._range = torch.arange(batch_size, device=device)

    def start(self, epoch: int, step: int) -> None:
        """Goes to batch `step` of `epoch`, both counted from 0."""
        device, size = self._order.device, self._order.shape[1]
        for row, seed in enumerate(self._seeds):
            self._order[row], numbers = epoch_order(seed, epoch, size, self._crops.in_epoch(epoch), device)
            self._crop[row] = self._crops.number(numbers)
            used, of_each = self._crop[row, : self._key.shape[1]].unique(return_inverse=True)
            keys = [augmentation_key(seed, number) for number in used.tolist()]
            self._key[row] = torch.tensor(keys, device=device)[of_each]
        self._position.fill_(sum(self.sizes[:step]))

    def next(self, size: int) -> tuple[Tensor, Tensor]:
        """Augmented images, uint8 (seeds, B, H, W, C), and labels (seeds, B): the part of the next `size` images."""
        place = self._next_places(size)
        index = self._order.index_select(1, place)
        return self._images(index, place), self._data.train.labels[index]

    def next_batch(self, size: int) -> Batch:
        """Returns what `next` does, with which images and crops they are."""
        place = self._next_places(size)
        index, crop = (numbers.index_select(1, place) for numbers in (self._order, self._crop))
        return Batch(self._images(index, place), self._data.train.labels[index], index, crop)

    def _next_places(self, size: int) -> Tensor:
        place = self._position + self._range[self._part.of(size)]
        self._position += size
        return place

    def _images(self, index: Tensor, place: Tensor) -> Tensor:
        is_one = self._key.shape[1] == 1
        return self._data.train_images(index, self._key if is_one else self._key.index_select(1, place))


def batch_sizes(images: int, batch_size: int) -> list[int]:
    return [min(batch_size, images - start) for start in range(0, images, batch_size)]


def subset_index(images: int, subset: int) -> NDArray[np.int64]:
    """Returns which of `images` a subset of this size has, rising; all where it is 0."""
    kept = permutation(SUBSET_SEED, 0, images, torch.device("cpu"))[: subset or None]
    return np.sort(kept.numpy()) if subset else np.arange(images)


def _split(images: np.ndarray, labels: np.ndarray, subset: int, device: torch.device) -> Split:
    index = subset_index(len(labels), subset)
    return Split(torch.from_numpy(images[index]).to(device), torch.from_numpy(labels[index]).to(device))


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (C,) over all pixels, exact: from the counts of the 256 values."""
    values = torch.arange(256, dtype=torch.float64, device=images.device)
    counts = torch.stack([images[..., c].flatten().bincount(minlength=256) for c in range(images.shape[-1])])
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    std = (shares @ values**2 - mean**2).clamp(min=1e-12).sqrt()
    return mean.float(), std.float()
