"""From a photograph of any size to the square that a network gets: random for training, the centre for evaluation."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from sweep.data.order import random_bits

AREA = (0.08, 1.0)  # of the random crop, as a share of the image (Szegedy et al. 2015; torchvision's RandomResizedCrop)
ASPECT = (3 / 4, 4 / 3)  # its width over its height
ATTEMPTS = 10
EVALUATED_SHARE = 224 / 256  # of the shorter side, kept in the centre
_DRAWS = 4  # random numbers of an attempt: area, aspect, top, left

Box = tuple[int, int, int, int]  # left, top, right, bottom
Square = NDArray[np.uint8]  # (side, side, 3)


def random_crop(image: Image.Image, side: int, bits: int) -> Square:
    """A crop that `bits` (int64) draw, resized to (side, side, 3), and mirrored with probability 1/2."""
    draws = random_bits(bits, torch.arange(ATTEMPTS * _DRAWS + 1))
    *uniform, flip = ((draws & (2**32 - 1)).double() / 2**32).tolist()
    cropped = _resized(image.convert("RGB").crop(random_box(image.width, image.height, uniform)), side, side)
    return cropped[:, ::-1] if flip < 0.5 else cropped


def random_box(width: int, height: int, uniform: list[float]) -> Box:
    """The first of `ATTEMPTS` boxes that lies within the image, or else the largest in its centre.

    Area uniform in `AREA`, log aspect uniform in log `ASPECT`, position uniform, from four numbers in [0, 1) each.
    """
    low, high = map(math.log, ASPECT)
    for start in range(0, ATTEMPTS * _DRAWS, _DRAWS):
        of_area, of_aspect, of_top, of_left = uniform[start : start + _DRAWS]
        area = width * height * (AREA[0] + (AREA[1] - AREA[0]) * of_area)
        aspect = math.exp(low + (high - low) * of_aspect)
        wide, tall = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
        if 0 < wide <= width and 0 < tall <= height:
            left, top = int(of_left * (width - wide + 1)), int(of_top * (height - tall + 1))
            return left, top, left + wide, top + tall
    return _central_box(width, height)


def _central_box(width: int, height: int) -> Box:
    wide = min(width, round(height * ASPECT[1]))
    tall = min(height, round(width / ASPECT[0]))
    left, top = (width - wide) // 2, (height - tall) // 2
    return left, top, left + wide, top + tall


def central_crop(image: Image.Image, side: int) -> Square:
    """The shorter side resized to side * 256 / 224, and the square of `side` in the centre of that."""
    shorter = round(side / EVALUATED_SHARE)
    width, height = (int(shorter * pixels / min(image.size)) for pixels in image.size)
    left, top = round((width - side) / 2), round((height - side) / 2)
    return _resized(image.convert("RGB"), width, height)[top : top + side, left : left + side]


def _resized(image: Image.Image, width: int, height: int) -> Square:
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), dtype=np.uint8)
