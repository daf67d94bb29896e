"""Random numbers as a pure function of (seed, layer, call, element)."""

import math

import torch
from torch import Tensor, nn

from sweep.data.order import random_bits

_HALF = 2**32


class Noise(nn.Module):
    """Fresh noise at every call. How many calls there were is in the state dict, so that a resumed run goes on.

    A torch.Generator would need to be seeded from the host before every step, which a captured step cannot do.
    """

    calls: Tensor

    def __init__(self, seed: int, layer: int) -> None:
        super().__init__()
        key = random_bits(int(random_bits(0, torch.tensor(seed + 1))), torch.tensor(layer + 1))
        self._key = int(key)
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))

    def normal_like(self, x: Tensor) -> Tensor:
        """Independent N(0, 1) in the shape and dtype of `x` (Box and Muller 1958)."""
        bits = self._bits(x)
        radius = (-2 * _uniform(bits >> 32, x.dtype).log()).sqrt()
        return radius * (2 * math.pi * _uniform(bits, x.dtype)).cos()

    def uniform_like(self, x: Tensor) -> Tensor:
        """Independent and uniform on (-1, 1), in the shape and dtype of `x`."""
        return 2 * _uniform(self._bits(x), x.dtype) - 1

    def _bits(self, x: Tensor) -> Tensor:
        index = torch.arange(x.numel(), device=x.device).view(x.shape) + self.calls * x.numel()
        self.calls += 1
        return random_bits(self._key, index)


def _uniform(bits: Tensor, dtype: torch.dtype) -> Tensor:
    """On (0, 1), from the low 32 of `bits`."""
    return ((bits & (_HALF - 1)).to(dtype) + 0.5) / _HALF
