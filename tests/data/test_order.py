"""Shuffling and augmentation against loops over single images; pinned, so that stored results stay reproducible."""

import pytest
import torch

from sweep.data.order import PADDING, _stream_key, augment, augmentation_key, pad, permutation, random_bits

CPU = torch.device("cpu")
MASK = 2**64 - 1


def literal_bits(seed: int, epoch: int, stream: int, index: int) -> int:
    """splitmix64's output function, chained over the parts of the key, in Python's integers."""

    def mix(x: int) -> int:
        x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
        return x ^ (x >> 31)

    key = 0
    for part in (seed, epoch, stream):
        key = mix((key + part + 1) * 0x9E3779B97F4A7C15 & MASK)
    return mix((index * 0x9E3779B97F4A7C15 + key) & MASK)


@pytest.mark.parametrize(("seed", "epoch", "stream"), [(0, 0, 0), (0, 0, 1), (3, 299, 1), (2**31 - 1, 7, 0)])
def test_bits_equal_the_integer_reference(seed: int, epoch: int, stream: int) -> None:
    index = torch.tensor([0, 1, 2, 49_999, 10**9])
    found = [value % 2**64 for value in random_bits(_stream_key(seed, epoch, stream), index).tolist()]
    assert found == [literal_bits(seed, epoch, stream, i) for i in index.tolist()]


def test_pinned_permutation() -> None:
    assert permutation(0, 0, 10, CPU).tolist() == [6, 1, 9, 4, 5, 8, 3, 7, 2, 0]
    assert permutation(1, 5, 10, CPU).tolist() == [3, 2, 5, 8, 0, 4, 7, 9, 1, 6]


def test_a_permutation_has_every_image_once_and_changes_with_seed_and_epoch() -> None:
    orders = [permutation(seed, epoch, 1000, CPU) for seed in (0, 1) for epoch in (0, 1)]
    assert all(torch.equal(order.sort().values, torch.arange(1000)) for order in orders)
    assert all(not torch.equal(orders[0], other) for other in orders[1:])


def literal_augment(image: torch.Tensor, augmentation: str, seed: int, epoch: int, index: int) -> torch.Tensor:
    """One image (H, W, C): zero padding by 4, crop at the drawn offset, mirror."""
    bits = literal_bits(seed, epoch, 1, index)
    height, width, _ = image.shape
    top = (bits & 0xFFFF) % 9 if "crop" in augmentation else 4
    left = (bits >> 16 & 0xFFFF) % 9 if "crop" in augmentation else 4
    out = torch.zeros_like(image)
    for y in range(height):
        for x in range(width):
            from_y, from_x = y + top - 4, x + left - 4
            if 0 <= from_y < height and 0 <= from_x < width:
                out[y, x] = image[from_y, from_x]
    mirrored = "flip" in augmentation and bits >> 32 & 1
    return out.flip(1) if mirrored else out


@pytest.mark.parametrize("augmentation", ["crop_flip", "crop", "flip"])
def test_augmentation_equals_a_loop_over_images(augmentation: str) -> None:
    images = torch.randint(1, 256, (40, 6, 5, 3), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    index = torch.tensor([3, 39, 0, 17, 3, 21, 8, 30])
    found = augment(pad(images), index, augmentation, augmentation_key(2, 9))
    for row, i in enumerate(index.tolist()):
        assert torch.equal(found[row], literal_augment(images[i], augmentation, 2, 9, i))


def test_every_offset_and_both_directions_are_drawn() -> None:
    bits = random_bits(_stream_key(0, 0, 1), torch.arange(20_000))
    offsets = torch.bincount((bits & 0xFFFF) % (2 * PADDING + 1), minlength=9) / 20_000
    assert offsets.min() > 0.1 and offsets.max() < 0.122  # 1/9 expected
    assert 0.48 < (bits >> 32 & 1).float().mean() < 0.52
