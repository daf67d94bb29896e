"""A data set on the device that trains on it: uint8 images, labels, normalization constants."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sweep.config import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.order import augment, augmentation_key, pad, permutation

SUBSET_SEED = 0  # subsets are the same images for every run


@dataclass(frozen=True)
class Split:
    images: Tensor  # (N, H, W, C) uint8
    labels: Tensor  # (N,) int64

    def __len__(self) -> int:
        return len(self.labels)


class ImageData:
    """What `run` trains and is evaluated on, on `device`."""

    def __init__(self, arrays: ImageArrays, run: RunConfig, device: torch.device) -> None:
        self.train = _split(arrays.train_images, arrays.train_labels, run.train_subset, device)
        self.test = _split(arrays.test_images, arrays.test_labels, run.test_subset, device)
        self.classes = len(arrays.class_names)
        self.channels = self.train.images.shape[-1]
        self.image_size = (self.train.images.shape[1], self.train.images.shape[2])  # height, width
        self._mean, self._std = _statistics(self.train.images)
        self._augmentation = run.augmentation
        self._padded = self.train.images if run.augmentation == "none" else pad(self.train.images)

    def train_images(self, index: Tensor, key: int | Tensor) -> Tensor:
        """The augmented training images `index` (..., B) as uint8 (..., B, H, W, C); `key` as in `augment`."""
        if self._augmentation == "none":
            return self.train.images[index]
        return augment(self._padded, index, self._augmentation, key)

    def standardize(self, images: Tensor) -> Tensor:
        """uint8 (..., H, W, C) to float32, by the training set's statistics."""
        return (images.float() - self._mean) / self._std

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, C) to standardized float32 (B, C, H, W) in channels-last memory."""
        return self.standardize(images).permute(0, 3, 1, 2)


class EpochBatches:
    """The batches of an epoch for one or more seeds. Where it stands is on the device, for captured steps to move."""

    def __init__(self, data: ImageData, seeds: Sequence[int], batch_size: int) -> None:
        device, size = data.train.labels.device, len(data.train)
        self._data, self._seeds = data, tuple(seeds)
        self.sizes = [min(batch_size, size - start) for start in range(0, size, batch_size)]
        self._order = torch.zeros(len(seeds), size, dtype=torch.int64, device=device)
        self._key = torch.zeros(len(seeds), 1, dtype=torch.int64, device=device)
        self._position = torch.zeros((), dtype=torch.int64, device=device)
        self._range = torch.arange(batch_size, device=device)

    def start(self, epoch: int, step: int) -> None:
        """Goes to batch `step` of `epoch`, both counted from 0."""
        for row, seed in enumerate(self._seeds):
            self._order[row] = permutation(seed, epoch, self._order.shape[1], self._order.device)
            self._key[row] = augmentation_key(seed, epoch)
        self._position.fill_(sum(self.sizes[:step]))

    def next(self, size: int) -> tuple[Tensor, Tensor]:
        """Augmented images, uint8 (seeds, size, H, W, C), and labels (seeds, size) of the next `size` images."""
        index = self._order.index_select(1, self._position + self._range[:size])
        self._position += size
        return self._data.train_images(index, self._key), self._data.train.labels[index]


def _split(images: np.ndarray, labels: np.ndarray, subset: int, device: torch.device) -> Split:
    kept = permutation(SUBSET_SEED, 0, len(labels), torch.device("cpu"))[: subset or None]
    index = np.arange(len(labels)) if not subset else np.sort(kept.numpy())
    return Split(torch.from_numpy(images[index]).to(device), torch.from_numpy(labels[index]).to(device))


def _statistics(images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation (C,) over all pixels, exact: from the counts of the 256 values."""
    values = torch.arange(256, dtype=torch.float64, device=images.device)
    counts = torch.stack([images[..., c].flatten().bincount(minlength=256) for c in range(images.shape[-1])])
    shares = counts.double() / counts.sum(1, keepdim=True)
    mean = shares @ values
    std = (shares @ values**2 - mean**2).clamp(min=1e-12).sqrt()
    return mean.float(), std.float()
