"""Data sets whose images are decoded anew for every batch."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sweep.data.arrays import Labels

Paths = NDArray[np.bytes_]  # (N,): one block of memory, which worker processes share as they do not lists of objects


@dataclass(frozen=True)
class ImageFiles:
    """The like of `ImageArrays`, with files in place of images; their colours are read as RGB."""

    train_files: Paths
    train_labels: Labels
    test_files: Paths
    test_labels: Labels
    class_names: tuple[str, ...]
    side: int  # of the squares that networks get, in pixels


def paths_of(files: Iterable[Path]) -> Paths:
    return np.array([os.fsencode(file) for file in files], dtype=np.bytes_)
