"""The digits: all of them, split the same way for ever."""

import hashlib
from pathlib import Path

import numpy as np

from sweep import data
from sweep.data.arrays import ImageArrays
from tests.conftest import DIGITS


def test_the_description_is_the_data(digit_arrays: ImageArrays) -> None:
    facts = data.describe(DIGITS)
    assert digit_arrays.train_images.shape == (facts.train_size, facts.height, facts.width, facts.channels)
    assert digit_arrays.test_images.shape == (facts.test_size, facts.height, facts.width, facts.channels)
    assert facts.train_size + facts.test_size == 1797
    assert len(digit_arrays.class_names) == facts.classes == 10


def test_a_fifth_of_every_class_is_for_testing(digit_arrays: ImageArrays) -> None:
    train, test = (np.bincount(labels) for labels in (digit_arrays.train_labels, digit_arrays.test_labels))
    assert ((train + test) // 5 == test).all()


def test_the_pixels_and_the_split_are_pinned(digit_arrays: ImageArrays) -> None:
    digest = hashlib.sha256(digit_arrays.test_images.tobytes() + digit_arrays.test_labels.tobytes())
    assert digest.hexdigest()[:16] == "2627cd0961c2d557"
    assert digit_arrays.train_images.max() == 240


def test_nothing_has_to_be_prepared(tmp_path: Path) -> None:
    data.prepare(DIGITS, tmp_path)
    assert list(tmp_path.iterdir()) == []
