"""Normalization, subsets and batches against numpy."""

import numpy as np
import pytest
import torch

from sweep.data.arrays import ImageArrays
from sweep.data.device import EpochBatches, ImageData
from sweep.data.order import augmentation_key, permutation
from tests.conftest import tiny_run

CPU = torch.device("cpu")


def colour_arrays() -> ImageArrays:
    generator = np.random.default_rng(0)
    train = generator.integers(0, 256, (60, 5, 4, 3), dtype=np.uint8)
    test = generator.integers(0, 128, (20, 5, 4, 3), dtype=np.uint8)
    labels = np.arange(60) % 3
    return ImageArrays(train, labels, test, labels[:20], ("a", "b", "c"))


def test_normalization_uses_the_training_split() -> None:
    arrays = colour_arrays()
    data = ImageData(arrays, tiny_run(train_subset=0, test_subset=0), CPU)
    mean = arrays.train_images.mean((0, 1, 2), dtype=np.float64)
    std = arrays.train_images.std((0, 1, 2), dtype=np.float64)
    for split, images in ((data.train, arrays.train_images), (data.test, arrays.test_images)):
        expected = ((images - mean) / std).transpose(0, 3, 1, 2)
        np.testing.assert_allclose(data.normalize(split.images).numpy(), expected, atol=2e-6)


def test_normalized_images_are_channels_last() -> None:
    data = ImageData(colour_arrays(), tiny_run(train_subset=0, test_subset=0), CPU)
    images = data.normalize(data.train.images[:3])
    assert images.shape == (3, 3, 5, 4)
    assert images.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("start", [0, 2])
def test_the_batches_of_an_epoch_follow_each_seeds_permutation_from_any_step(start: int) -> None:
    data = ImageData(colour_arrays(), tiny_run(train_subset=0, test_subset=0, augmentation="crop_flip"), CPU)
    batches = EpochBatches(data, [3, 1], batch_size=25)
    assert batches.sizes == [25, 25, 10]
    batches.start(epoch=4, step=start)
    for number, size in list(enumerate(batches.sizes))[start:]:
        images, labels = batches.next(size)
        assert images.shape == (2, size, 5, 4, 3) and labels.shape == (2, size)
        for row, seed in enumerate((3, 1)):
            index = permutation(seed, 4, 60, CPU)[25 * number : 25 * number + size]
            assert torch.equal(images[row], data.train_images(index, augmentation_key(seed, 4)))
            assert torch.equal(labels[row], data.train.labels[index])


def test_a_constant_channel_is_no_division_by_zero() -> None:
    arrays = colour_arrays()
    arrays.train_images[..., 1] = 7
    data = ImageData(arrays, tiny_run(train_subset=0, test_subset=0), CPU)
    assert torch.isfinite(data.normalize(data.train.images)).all()


def test_subsets_are_the_same_for_every_seed_and_keep_images_with_labels(digit_arrays: ImageArrays) -> None:
    first, other = (ImageData(digit_arrays, tiny_run(train_subset=50, seed=seed), CPU) for seed in (0, 1))
    assert len(first.train) == 50 and len(first.test) == 100
    assert torch.equal(first.train.images, other.train.images)
    whole = {(image.tobytes(), int(label)) for image, label in zip(
        digit_arrays.train_images, digit_arrays.train_labels, strict=True)}  # fmt: skip
    subset = [
        (i.numpy().tobytes(), int(label)) for i, label in zip(first.train.images, first.train.labels, strict=True)
    ]
    assert set(subset) <= whole
    assert first.train.labels.bincount(minlength=10).min() > 0


@pytest.mark.parametrize("augmentation", ["none", "flip", "crop", "crop_flip"])
def test_augmentation_is_the_configured_one(augmentation: str, digit_arrays: ImageArrays) -> None:
    data = ImageData(digit_arrays, tiny_run(augmentation=augmentation), CPU)
    index = torch.arange(100)
    clean = data.normalize(data.train.images[index])
    batch = data.normalize(data.train_images(index, augmentation_key(0, 0)))
    same = (batch == clean).flatten(1).all(1)
    mirrored = (batch == clean.flip(3)).flatten(1).all(1)
    expected_same = {"none": (100, 100), "flip": (30, 70), "crop": (0, 10), "crop_flip": (0, 10)}[augmentation]
    assert expected_same[0] <= int(same.sum()) <= expected_same[1]
    if augmentation == "flip":
        assert (same | mirrored).all()
