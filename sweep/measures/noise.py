"""Random numbers of the measures: pure functions of what they are for, drawn on the CPU."""

import hashlib

import torch
from torch import Tensor


def generator(*key: int | str) -> torch.Generator:
    """A generator of its own for each key, so that no draw depends on which others were made before it."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:4]))


def gaussians(seed: int, step: int, samples: int, size: int) -> Tensor:
    """Standard normal samples (samples, size) of one search step; sample i does not depend on their number."""
    return torch.stack([torch.randn(size, generator=generator("gaussian", seed, step, i)) for i in range(samples)])


def uniforms(seed: int, step: int, samples: int, size: int) -> Tensor:
    """Draws samples as `gaussians` does, uniform on [-1, 1)."""
    drawn = [torch.rand(size, generator=generator("uniform", seed, step, i)) for i in range(samples)]
    return torch.stack(drawn) * 2 - 1
