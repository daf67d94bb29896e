"""Random resized crops (Szegedy et al. 2015, as torchvision has them) as a pure function of (key, index)."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.data.order import random_bits

AREA = (0.08, 1.0)  # of the image
RATIO = (3 / 4, 4 / 3)  # width over height
TRIES = 10  # at a crop that lies in the image; after them it is the largest central one
_HALF = 2**32


class Boxes(NamedTuple):
    """Parts of images, in pixels; each (..., B) int64, `flip` bool."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor


def random_boxes(key: int | Tensor, index: Tensor, height: int, width: int) -> Boxes:
    """Draws the boxes of images `index` (..., B) of `height` x `width`: the area uniform, the ratio log-uniform, then
    the place.
    """
    tries = torch.arange(TRIES + 1, device=index.device)
    keys = key[..., None] if isinstance(key, Tensor) else key
    bits = random_bits(keys, index[..., None] * (TRIES + 1) + tries)  # (..., B, TRIES + 1)
    crop_height, crop_width = _sizes(bits[..., :TRIES], height, width)
    place = bits[..., TRIES]
    top = (place & 0xFFFFF) % (height - crop_height + 1)
    left = (place >> 20 & 0xFFFFF) % (width - crop_width + 1)
    return Boxes(top, left, crop_height, crop_width, (place >> 40 & 1).bool())


def _sizes(bits: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """Of the first try that lies in the image."""
    area = height * width * (AREA[0] + (AREA[1] - AREA[0]) * _uniform(bits))
    low, high = map(math.log, RATIO)
    ratio = (low + (high - low) * _uniform(bits >> 32)).exp()
    widths, heights = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
    fits = (widths >= 1) & (widths <= width) & (heights >= 1) & (heights <= height)
    first = fits.to(torch.uint8).argmax(-1, keepdim=True)
    is_any = fits.any(-1)
    whole_height, whole_width = min(height, round(width / RATIO[0])), min(width, round(height * RATIO[1]))
    crop_height = torch.where(is_any, heights.gather(-1, first)[..., 0], whole_height)
    return crop_height, torch.where(is_any, widths.gather(-1, first)[..., 0], whole_width)


def _uniform(bits: Tensor) -> Tensor:
    """On (0, 1), from the low 32 of `bits`."""
    return ((bits & (_HALF - 1)).double() + 0.5) / _HALF


def resized_crops(images: Tensor, index: Tensor, key: int | Tensor, flips: bool) -> Tensor:
    """Random parts of the images `index` (..., B) of `images` (N, H, W, C) uint8, resized to (..., B, H, W, C) uint8.

    Bilinear between pixel centres; a crop is never larger than its image, so that nothing is reduced.
    """
    height, width = images.shape[1:3]
    boxes = random_boxes(key, index, height, width)
    rows, next_rows, down = _samples(boxes.top, boxes.height, height)
    columns, next_columns, right = _samples(boxes.left, boxes.width, width)
    if flips:
        flip = boxes.flip[..., None]
        columns, next_columns, right = (
            torch.where(flip, x.flip(-1), x) for x in (columns, next_columns, right)
        )  # fmt: skip
    which = index[..., None, None]
    right = right[..., None, :, None]
    upper, lower = (
        torch.lerp(
            images[which, r[..., :, None], columns[..., None, :]].float(),
            images[which, r[..., :, None], next_columns[..., None, :]].float(),
            right,
        )
        for r in (rows, next_rows)
    )
    return torch.lerp(upper, lower, down[..., :, None, None]).round().to(torch.uint8)


def _samples(start: Tensor, extent: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """Where the `size` new pixels lie in the part [start, start + extent): the pixel before, the one after, and how
    far they are between them (..., B, size)."""
    centres = (torch.arange(size, device=start.device) + 0.5) / size
    at = (centres * extent[..., None] - 0.5).clamp(min=0)
    before = at.floor().long().clamp(max=extent[..., None] - 1)
    after = (before + 1).clamp(max=extent[..., None] - 1)
    return start[..., None] + before, start[..., None] + after, (at - before).clamp(max=1).float()
