"""The training images that measures are taken on."""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from sweep.data.device import subset_index
from sweep.data.interface import TrainingData
from sweep.measures.noise import generator
from sweep.training.progress import Interrupted


@dataclass(frozen=True)
class ImageSet:
    """Images on the device, without augmentation."""

    images: Tensor  # (N, H, W, C) uint8
    labels: Tensor  # (N,) int64
    normalize: Callable[[Tensor], Tensor]  # uint8 (B, H, W, C) to float (B, C, H, W)

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self, size: int, dtype: torch.dtype) -> Iterator[tuple[Tensor, Tensor]]:
        for start in range(0, len(self), size):
            images = self.normalize(self.images[start : start + size])
            yield images.to(dtype), self.labels[start : start + size]

    def subset(self, count: int, *key: int | str) -> "ImageSet":
        """Returns `count` images drawn without replacement by a generator of `key`; all where `count` is 0 or too
        large.
        """
        if not 0 < count < len(self):
            return self
        drawn = torch.randperm(len(self), generator=generator("images", *key))[:count]
        index = drawn.sort().values.to(self.labels.device)
        return dataclasses.replace(self, images=self.images[index], labels=self.labels[index])


def training_images(data: TrainingData, count: int = 0, stop: Callable[[], bool] = lambda: False) -> ImageSet:
    """Returns the training images in memory: all, or `count` that are drawn once for all runs.

    Asked for a batch after `stop()` has turned true, they raise `Interrupted`.
    """

    def normalize(images: Tensor) -> Tensor:
        if stop():
            raise Interrupted
        return data.normalize(images)

    images, labels = data.train.taken(subset_index(len(data.train), count))
    return ImageSet(images, labels, normalize)
