"""SAQ's efficient training (Liu et al. 2021, 4.3; LookSAM): what is kept of a perturbed gradient, and how it is used.

Gradients are lists with a tensor per parameter. Inner products and norms are over all of them, or with `per_tensor`
of each one alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

EPSILON = 1e-12  # keeps norms of zero from dividing


def vertical(perturbed: Sequence[Tensor], gradient: Sequence[Tensor], per_tensor: bool) -> list[Tensor]:
    """Returns g_v = g_s - (g_s . g / g . g) g, what of `perturbed` is at right angles to `gradient` (Alg. 1, lines 7
    and 8).

    With `per_tensor` it is zero for a tensor of one number, where rounding would leave a direction.
    """
    products, squares = (_inner_products(other, gradient, per_tensor) for other in (perturbed, gradient))
    shares = products / squares.clamp(min=torch.finfo(squares.dtype).tiny)
    found = [s - share * g for s, g, share in zip(perturbed, gradient, shares, strict=True)]
    return [torch.zeros_like(v) if per_tensor and v.numel() == 1 else v for v in found]


def approximate(gradient: Sequence[Tensor], kept: Sequence[Tensor], beta: float, per_tensor: bool) -> list[Tensor]:
    """Returns g_s = g + beta ||g|| g_v / ||g_v||, with the g_v that was `kept` (Alg. 1, line 10)."""
    length, kept_length = (_inner_products(x, x, per_tensor).sqrt() for x in (gradient, kept))
    factors = beta * length / (kept_length + EPSILON)
    return [g + factor * v for g, v, factor in zip(gradient, kept, factors, strict=True)]


def _inner_products(a: Sequence[Tensor], b: Sequence[Tensor], per_tensor: bool) -> Tensor:
    """One per tensor, (tensors,); without `per_tensor` their sum, repeated."""
    products = torch.stack([(x * y).sum() for x, y in zip(a, b, strict=True)])
    return products if per_tensor else products.sum().expand_as(products)
