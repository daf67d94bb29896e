"""Shuffling and augmentation as pure functions of (seed, epoch, index): a resumed run sees the same batches."""

import torch
from torch import Tensor

PADDING = 4
_MASK = 2**64 - 1
_GOLDEN = 0x9E3779B97F4A7C15
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB), (31, 1))  # splitmix64 (Steele et al. 2014)
_SHUFFLE, _AUGMENT = 0, 1


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _mix_int(value: int) -> int:
    for shift, factor in _MIX:
        value = ((value ^ (value >> shift)) * factor) & _MASK
    return value


def _mix(values: Tensor) -> Tensor:
    for shift, factor in _MIX:
        logical = (values >> shift) & (2 ** (64 - shift) - 1)  # >> is arithmetic on int64
        values = (values ^ logical) * _signed(factor)
    return values


def _stream_key(seed: int, epoch: int, stream: int) -> int:
    key = 0
    for part in (seed, epoch, stream):
        key = _mix_int((key + part + 1) * _GOLDEN & _MASK)
    return _signed(key)


def augmentation_key(seed: int, epoch: int) -> int:
    """Returns what `augment` needs to know of the seed and the epoch, as an int64."""
    return _stream_key(seed, epoch, _AUGMENT)


def random_bits(key: int | Tensor, index: Tensor) -> Tensor:
    """Returns 64 hashed bits per index (int64, any shape), the same on every device and in every order."""
    return _mix(index * _signed(_GOLDEN) + key)


def permutation(seed: int, epoch: int, size: int, device: torch.device) -> Tensor:
    """The order (size,) of the training images in `epoch`."""
    bits = random_bits(_stream_key(seed, epoch, _SHUFFLE), torch.arange(size, device=device))
    return torch.argsort(bits, stable=True)


def epoch_order(seed: int, epoch: int, size: int, crops: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images (size,) of `epoch` in order, and the number of the crop (size,) that is taken of each.

    With several crops, each image is there `crops` times in a row, and a pass over all images takes `crops` epochs,
    so that an epoch has as many steps as with one (FKD, Shen & Xing 2022). No two crops of an image have one number.
    """
    if crops == 1:
        return permutation(seed, epoch, size, device), torch.full((size,), epoch, device=device)
    first = epoch - epoch % crops  # epoch of the pass
    place = torch.arange(size, device=device) + (epoch - first) * size
    return permutation(seed, first, size, device)[place // crops], first + place % crops


def pad(images: Tensor) -> Tensor:
    """Zero padding for random crops: (N, H, W, C) to (N, H + 8, W + 8, C)."""
    return torch.nn.functional.pad(images, (0, 0, PADDING, PADDING, PADDING, PADDING))


def augment(padded: Tensor, index: Tensor, augmentation: str, key: int | Tensor) -> Tensor:
    """The images `index` (..., B) of `padded` (N, H + 8, W + 8, C), cropped to (..., B, H, W, C) and flipped.

    `crop` draws the offset of each image from 0 to 8 in both directions (4 is the centre), `flip` mirrors it
    with probability 1/2. `key` is that of `augmentation_key`, or a tensor of them that broadcasts to `index`.
    """
    bits = random_bits(key, index)
    centre = torch.full_like(bits, PADDING)
    crops, flips = "crop" in augmentation, "flip" in augmentation
    top = (bits & 0xFFFF) % (2 * PADDING + 1) if crops else centre
    left = (bits >> 16 & 0xFFFF) % (2 * PADDING + 1) if crops else centre
    height, width = padded.shape[1] - 2 * PADDING, padded.shape[2] - 2 * PADDING
    rows = top[..., None] + torch.arange(height, device=index.device)
    columns = left[..., None] + torch.arange(width, device=index.device)
    if flips:
        columns = torch.where((bits >> 32 & 1).bool()[..., None], columns.flip(-1), columns)
    return padded[index[..., None, None], rows[..., :, None], columns[..., None, :]]
