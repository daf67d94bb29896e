"""Images as every data set delivers them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]  # (N, H, W, C)
Labels = NDArray[np.int64]  # (N,)


@dataclass(frozen=True)
class ImageArrays:
    """A training and a test split; labels are 0 to len(class_names) - 1."""

    train_images: Images
    train_labels: Labels
    test_images: Images
    test_labels: Labels
    class_names: tuple[str, ...]
