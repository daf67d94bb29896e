"""Random crops and the centre for evaluation, beside torchvision's."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from sweep.data.order import random_bits
from sweep.data.resized import AREA, ASPECT, ATTEMPTS, central_crop, random_box, random_crop
from sweep.data.vision import torchvision

transforms = torchvision.transforms
few = settings(max_examples=50, derandomize=True, deadline=None, database=None)
SIDES = st.integers(8, 90)
NUMBERS = st.lists(st.floats(0, 1, exclude_max=True), min_size=4 * ATTEMPTS, max_size=4 * ATTEMPTS)


def photograph(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


@few
@given(width=SIDES, height=SIDES, side=st.integers(1, 40))
def test_the_centre_is_torchvisions(width: int, height: int, side: int) -> None:
    image, shorter = photograph(width, height), round(side * 256 / 224)
    expected = transforms.CenterCrop(side)(transforms.Resize(shorter)(image))
    np.testing.assert_array_equal(central_crop(image, side), np.asarray(expected))


@pytest.mark.parametrize("bits", [0, 1, 2, -(2**63), 2**63 - 1])
def test_a_random_crop_is_torchvisions_of_the_same_box(bits: int) -> None:
    image = photograph(60, 45)
    *uniform, flip = (random_bits(bits, torch.arange(41)) & (2**32 - 1)).double().div(2**32).tolist()
    left, top, right, bottom = random_box(60, 45, uniform)
    expected = transforms.functional.resized_crop(image, top, left, bottom - top, right - left, [16, 16])
    if flip < 0.5:
        expected = transforms.functional.hflip(expected)
    np.testing.assert_array_equal(random_crop(image, 16, bits), np.asarray(expected))


def test_a_box_by_hand() -> None:
    """Half way from 8 to 100 % of 100 x 100 pixels are 5400, at aspect 1 a square of side 73, with 28 positions."""
    assert random_box(100, 100, [0.5, 0.5, 0.25, 0.5]) == (14, 7, 87, 80)


def test_a_box_that_does_not_fit_is_drawn_again() -> None:
    too_wide = [1 - 1e-9, 1 - 1e-9, 0.0, 0.0]
    assert random_box(100, 100, [*too_wide, 0.5, 0.5, 0.25, 0.5]) == (14, 7, 87, 80)


@pytest.mark.parametrize(("size", "box"), [((400, 30), (180, 0, 220, 30)), ((30, 400), (0, 180, 30, 220))])
def test_the_centre_where_no_box_fits(size: tuple[int, int], box: tuple[int, ...]) -> None:
    assert random_box(*size, [1 - 1e-9, 0.5, 0.0, 0.0] * ATTEMPTS) == box


@few
@given(width=SIDES, height=SIDES, uniform=NUMBERS)
def test_boxes_lie_within_the_image_and_have_an_allowed_area(width: int, height: int, uniform: list[float]) -> None:
    left, top, right, bottom = random_box(width, height, uniform)
    assert 0 <= left < right <= width and 0 <= top < bottom <= height
    wide, tall = right - left, bottom - top  # rounded to whole pixels
    assert AREA[0] * width * height <= (wide + 0.5) * (tall + 0.5)
    assert (wide - 0.5) / (tall + 0.5) <= ASPECT[1] and ASPECT[0] <= (wide + 0.5) / (tall - 0.5)


def test_half_of_the_crops_are_mirrored() -> None:
    """A ramp that rises from left to right falls where it is mirrored."""
    ramp = Image.fromarray(np.tile(np.arange(0, 250, 5, dtype=np.uint8)[None, :, None], (50, 1, 3)))
    crops = [random_crop(ramp, 8, int(bits)) for bits in random_bits(7, torch.arange(400))]
    mirrored = np.mean([crop[0, 0, 0] > crop[0, -1, 0] for crop in crops])
    assert abs(mirrored - 0.5) < 4 * 0.5 / np.sqrt(400)
