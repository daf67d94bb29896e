"""The straight-through estimator: the value of one tensor with the gradient of another."""

from typing import Any

import torch
from torch import Tensor


class _StraightThrough(torch.autograd.Function):
    """Exact in its value, unlike through + (value - through).detach(), whose rounding adds levels."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, through: Tensor) -> Tensor:
        return value.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor]:
        return None, grad


def straight_through(value: Tensor, through: Tensor) -> Tensor:
    """Returns `value`, with every gradient passed to `through`, of the same shape."""
    out: Tensor = _StraightThrough.apply(value.detach(), through)
    return out


def round_through(x: Tensor) -> Tensor:
    """Returns rint(x), halves to even, with gradient 1."""
    return straight_through(x.round(), x)
