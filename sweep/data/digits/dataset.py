"""The digits as arrays."""

from pathlib import Path

import numpy as np

from sweep.config.run import DataSource
from sweep.data.arrays import ImageArrays


def prepare(source: DataSource, cache_dir: Path) -> None:
    """Nothing to do: the images are in the scikit-learn package."""


def load(source: DataSource, cache_dir: Path) -> ImageArrays:
    """The digits; every fifth image of each class is a test image."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = (bunch.images * 15).astype(np.uint8)[..., np.newaxis]  # 0 to 16 in the package
    labels = bunch.target.astype(np.int64)
    rank_in_class = np.zeros(len(labels), dtype=np.int64)
    for label in range(10):
        of_label = labels == label
        rank_in_class[of_label] = np.arange(of_label.sum())
    test = rank_in_class % 5 == 4
    names = tuple(str(name) for name in bunch.target_names)
    return ImageArrays(images[~test], labels[~test], images[test], labels[test], names)
