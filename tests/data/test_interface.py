"""How processes share batches."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.data.interface import Part
from tests.conftest import tiny_run

few = settings(max_examples=50, derandomize=True, deadline=None, database=None)


@few
@given(size=st.integers(0, 500), count=st.integers(1, 16))
def test_parts_are_disjoint_cover_a_batch_and_differ_by_one_at_most(size: int, count: int) -> None:
    parts = [range(size)[Part(index, count).of(size)] for index in range(count)]
    assert [i for part in parts for i in part] == list(range(size))
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_the_parts_of_arrays_are_the_whole_batch(augmentation: str, digit_arrays: ImageArrays) -> None:
    run = tiny_run(augmentation=augmentation, seed=3)
    data = ImageData(digit_arrays, run, torch.device("cpu"))
    whole, *parts = (data.batches(run, part) for part in (Part(), Part(0, 3), Part(1, 3), Part(2, 3)))
    for batches in (whole, *parts):
        batches.start(epoch=1, step=2)
    for size in whole.sizes[2:]:
        expected, found = whole.next_batch(size), [part.next_batch(size) for part in parts]
        assert all(
            torch.equal(torch.cat(both, 1), e) for both, e in zip(zip(*found, strict=True), expected, strict=True)
        )
    clean = [torch.cat([i for i, _ in data.test.batches(40, Part(index, 3))]) for index in range(3)]
    assert torch.equal(torch.cat(clean), data.test.images)
