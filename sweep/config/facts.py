"""What is known of a data set without loading it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sweep.config.run import RunConfig


@dataclass(frozen=True)
class DataFacts:
    """Facts of a data set that are known without loading it: images per split, shape (C, H, W), classes."""

    train_size: int
    test_size: int
    channels: int
    height: int
    width: int
    classes: int
    sha256: str = ""
    has_files: bool = False  # of images in their own sizes, which random crops can be resized from

    def subset(self, run: "RunConfig") -> tuple[int, int]:
        """Images (train, test) that `run` uses."""
        return run.train_subset or self.train_size, run.test_subset or self.test_size
