"""Photographs of any size as square images of one size."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from sweep.config.checks import check_integer
from sweep.config.run import DataSource


def side_of(source: DataSource) -> int:
    """Returns the side of the squares, in pixels; raises `ConfigError`."""
    return check_integer("image_size", source.image_size, 1)


def square(image: Image.Image, side: int) -> NDArray[np.uint8]:
    """The largest square in the middle of `image`, resized to (side, side, 3) uint8."""
    resized: Any = ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8)
