"""Photographs on disk."""

from pathlib import Path

import numpy as np
from PIL import Image

from sweep.config.run import DataSource

SIDE = 16


def write_photographs(folder: Path, train: int = 12, test: int = 5) -> DataSource:
    """Two classes of JPEGs in several sizes, `train` and `test` of each: dark ones and bright ones, on noise."""
    rng = np.random.default_rng(0)
    for split, count in (("train", train), ("val", test)):
        for label, name in enumerate(("dark", "bright")):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                height, width = rng.integers(20, 40, 2)
                pixels = rng.integers(0, 128, (height, width, 3)) + 120 * label
                Image.fromarray(pixels.astype(np.uint8)).save(folder / split / name / f"{number}.jpg")
    return DataSource("image_folder", f"photographs_{SIDE}", str(folder), image_size=SIDE)
