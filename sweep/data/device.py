"""A data set on the device that trains on it: uint8 images, labels, normalization constants."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sweep.config import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.order import augment, pad, permutation

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
        self._mean, self._std = _statistics(self.train.images)
        self._augmentation = run.augmentation
        self._padded = self.train.images if run.augmentation == "none" else pad(self.train.images)

    def train_batch(self, index: Tensor, seed: int, epoch: int) -> tuple[Tensor, Tensor]:
        """The augmented training images `index` (B,) as normalized (B, C, H, W), and their labels."""
        if self._augmentation == "none":
            images = self.train.images[index]
        else:
            images = augment(self._padded, index, self._augmentation, seed, epoch)
        return self.normalize(images), self.train.labels[index]

    def normalize(self, images: Tensor) -> Tensor:
        """uint8 (B, H, W, C) to float32 (B, C, H, W) in channels-last memory, by the training set's statistics."""
        return ((images.float() - self._mean) / self._std).permute(0, 3, 1, 2)


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
