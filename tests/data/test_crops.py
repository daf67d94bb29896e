"""Several crops of an image, and crops of random size: pure functions of the seed, the image and the crop's number."""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from sweep.data.arrays import ImageArrays
from sweep.data.crops import AREA, RATIO, random_boxes, resized_crops
from sweep.data.device import Crops, EpochBatches, ImageData
from sweep.data.order import augmentation_key, epoch_order, permutation
from tests.conftest import tiny_run

CPU = torch.device("cpu")
IMAGES = torch.randint(0, 256, (40, 9, 12, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def by_interpolation(key: int, image: int, flips: bool) -> torch.Tensor:
    """The part that `random_boxes` names, cut out and resized by PyTorch, in float64."""
    top, left, height, width, flip = (int(values[0]) for values in random_boxes(key, torch.tensor([image]), 9, 12))
    part = IMAGES[image, top : top + height, left : left + width].permute(2, 0, 1).double()
    resized = F.interpolate(part[None], size=(9, 12), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    return resized.flip(1) if flip and flips else resized


@pytest.mark.parametrize("flips", [True, False])
def test_a_resized_crop_is_the_part_of_the_image_resized(flips: bool) -> None:
    crops = resized_crops(IMAGES, torch.arange(40), key=3, flips=flips)
    expected = torch.stack([by_interpolation(3, image, flips) for image in range(40)])
    assert (crops.double() - expected).abs().max() <= 0.5 + 1e-4  # rounded to whole numbers, in float32


def test_a_crop_does_not_depend_on_its_batch() -> None:
    index = torch.tensor([[7, 3], [7, 0]])
    keys = torch.tensor([[5, 6], [7, 5]])
    together = resized_crops(IMAGES, index, keys, flips=True)
    for row in range(2):
        for column in range(2):
            alone = resized_crops(IMAGES, index[row, column : column + 1], int(keys[row, column]), flips=True)
            assert torch.equal(together[row, column], alone[0])
    assert not torch.equal(together[0, 0], together[1, 0])  # another key


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-(2**63), 2**63 - 1))
def test_crops_lie_in_the_image(height: int, width: int, key: int) -> None:
    boxes = random_boxes(key, torch.arange(20), height, width)
    assert ((boxes.height >= 1) & (boxes.width >= 1) & (boxes.top >= 0) & (boxes.left >= 0)).all()
    assert ((boxes.top + boxes.height <= height) & (boxes.left + boxes.width <= width)).all()


def test_area_is_uniform_and_ratio_log_uniform_where_they_fit() -> None:
    """At large images, where rounding is small; tries that do not fit are left out, which favours small areas."""
    boxes = random_boxes(1, torch.arange(20_000), 1000, 1000)
    area, ratio = boxes.height * boxes.width / 1e6, boxes.width / boxes.height
    assert AREA[0] - 0.01 < area.min() and area.max() <= 1
    assert RATIO[0] - 0.01 < ratio.min() and ratio.max() < RATIO[1] + 0.01
    small = area < 0.5  # all of these fit
    assert area[small].mean() == pytest.approx((AREA[0] + 0.5) / 2, abs=0.005)
    assert ratio[small].log().mean() == pytest.approx(0, abs=0.005)
    assert ratio[small].log().std() == pytest.approx(math.log(RATIO[1] / RATIO[0]) / 12**0.5, rel=0.02)
    assert boxes.flip.double().mean() == pytest.approx(0.5, abs=0.02)


@given(st.integers(1, 60), st.sampled_from([2, 3, 4]), st.integers(0, 3))
def test_a_pass_has_every_crop_of_every_image_once(size: int, crops: int, passed: int) -> None:
    epochs = range(passed * crops, (passed + 1) * crops)
    orders = [epoch_order(5, epoch, size, crops, CPU) for epoch in epochs]
    pairs = [pair for order, numbers in orders for pair in zip(order.tolist(), numbers.tolist(), strict=True)]
    assert sorted(pairs) == [(image, number) for image in range(size) for number in epochs]
    assert all(len(order) == size for order, _ in orders)


def test_crops_of_an_image_are_next_to_each_other() -> None:
    order, numbers = epoch_order(0, 9, 10, 4, CPU)  # the second of the four epochs of a pass
    images = permutation(0, 8, 10, CPU).repeat_interleave(4)[10:20]
    assert order.tolist() == images.tolist()
    assert numbers.tolist() == [10, 11, 8, 9, 10, 11, 8, 9, 10, 11]


def test_one_crop_is_the_permutation_of_the_epoch() -> None:
    order, numbers = epoch_order(3, 2, 30, 1, CPU)
    assert torch.equal(order, permutation(3, 2, 30, CPU)) and set(numbers.tolist()) == {2}


def test_the_last_epochs_have_one_crop() -> None:
    crops = Crops(4, epochs=10)
    assert [crops.in_epoch(epoch) for epoch in range(10)] == [4] * 6 + [1] * 4


@pytest.mark.parametrize(("count", "pool"), [(1, 0), (2, 0), (2, 4), (1, 3)])
def test_batches_are_what_they_say(count: int, pool: int, digit_arrays: ImageArrays) -> None:
    """Every image of a batch is the crop of its number, cut alone; a resumed epoch is the same."""
    run = tiny_run(augmentation="crop_flip", crops=count, crop_pool=pool, epochs=9)
    data = ImageData(digit_arrays, run, CPU)
    batches = EpochBatches(data, [run.seed], 64, Crops(count, pool, run.epochs))
    for epoch in (0, 5, 8):
        batches.start(epoch, 1)
        batch = batches.next_batch(64)
        for place in range(0, 64, 7):
            image, crop = int(batch.image[0, place]), int(batch.crop[0, place])
            assert not pool or crop < pool
            alone = data.train_images(torch.tensor([image]), augmentation_key(run.seed, crop))
            assert torch.equal(batch.images[0, place], alone[0])
            assert batch.labels[0, place] == data.train.labels[image]
