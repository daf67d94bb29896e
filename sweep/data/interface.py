"""What training asks of a data set, whether its images are in memory or decoded batch by batch."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.data.arrays import Labels


class Batch(NamedTuple):
    """The tensors of a batch, each with one row per seed: (seeds, B, ...)."""

    images: Tensor  # augmented, uint8 (seeds, B, H, W, C)
    labels: Tensor
    image: Tensor  # its number in the training set
    crop: Tensor  # number of the crop


@dataclass(frozen=True)
class Part:
    """The part that one of `count` processes takes of every batch that they share."""

    index: int = 0
    count: int = 1

    def of(self, size: int) -> slice:
        """Returns its images among `size`; the parts of all processes are disjoint, and together all of them."""
        return slice(size * self.index // self.count, size * (self.index + 1) // self.count)


WHOLE = Part()


class CleanSplit(Protocol):
    """A split without augmentation."""

    @property
    def labels(self) -> Tensor: ...  # (N,) int64, on the device

    def __len__(self) -> int: ...

    def taken(self, index: Labels) -> tuple[Tensor, Tensor]:
        """The images of these numbers (M,), which rise, in memory: uint8 (M, H, W, C), and their labels (M,)."""
        ...

    def batches(self, size: int, part: Part = WHOLE) -> Iterator[tuple[Tensor, Tensor]]:
        """Images, uint8 (B, H, W, C), and labels (B,) in order, at most `size` at a time, of `part` of all images."""
        ...


class Batches(Protocol):
    """The augmented batches of an epoch, of which this process gets its part."""

    sizes: list[int]  # of whole batches
    capturable: bool  # whether `next_batch` computes all on the device, so that it can be captured with a step

    def start(self, epoch: int, step: int) -> None:
        """Goes to batch `step` of `epoch`, both counted from 0."""

    def next_batch(self, size: int) -> "Batch":
        """The part of this process of the next `size` images."""
        ...


class TrainingData(Protocol):
    """The images that a run trains and is evaluated on."""

    classes: int
    channels: int
    image_size: tuple[int, int]  # height, width

    @property
    def train(self) -> CleanSplit: ...

    @property
    def test(self) -> CleanSplit: ...

    def normalize(self, images: Tensor) -> Tensor:
        """Turns uint8 (B, H, W, C) into standardized float32 (B, C, H, W) in channels-last memory."""
        ...

    def batches(self, run: RunConfig, part: Part = WHOLE) -> Batches: ...
