"""Learned step size quantization (Esser et al. 2020; QGen eq. 1-3)."""

from typing import Any

import torch
from torch import Tensor, nn

Limit = Any  # qmin or qmax: an int, or a tensor with one per member of an array


def lsq_codes(v: Tensor, s: Tensor, qmin: Limit, qmax: Limit) -> tuple[Tensor, Tensor]:
    """v / s, and the integer codes rint(clip(v / s, qmin, qmax)) (LSQ eq. 1); arguments broadcast."""
    scaled = v / s
    return scaled, scaled.clamp(qmin, qmax).round_()


def lsq_gradients(grad: Tensor, scaled: Tensor, codes: Tensor, qmin: Limit, qmax: Limit) -> tuple[Tensor, Tensor]:
    """Gradients for each weight (LSQ eq. 5) and, to be summed over a layer and scaled, for its step size (eq. 3).

    `grad` is with respect to s * codes; `scaled` and `codes` are those of `lsq_codes`.
    """
    inside = (scaled > qmin) & (scaled < qmax)
    # codes are already qmin or qmax outside
    return grad * inside, grad * torch.where(inside, codes - scaled, codes)


class _FakeQuantize(torch.autograd.Function):
    """Forward and backward of LSQ, written out.

    autograd through clamp and round gives other gradients exactly at the clip boundary, and torch's built-in
    learnable fake quantizer masks on the rounded value, which is not LSQ.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, s: Tensor, qmin: int, qmax: int, grad_scale: float) -> Tensor:
        scaled, codes = lsq_codes(v, s, qmin, qmax)
        ctx.save_for_backward(scaled, codes)
        ctx.qmin, ctx.qmax, ctx.grad_scale = qmin, qmax, grad_scale
        return codes * s

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        scaled, codes = ctx.saved_tensors
        grad_v, grad_s = lsq_gradients(grad, scaled, codes, ctx.qmin, ctx.qmax)
        return grad_v, grad_s.sum() * ctx.grad_scale, None, None, None


class LSQ(nn.Module):
    """Fake quantization of a weight tensor to signed `bits`-bit integers times one learned step size.

    v -> s * rint(clip(v / s, qmin, qmax)) with qmin = -2^(b-1), qmax = 2^(b-1) - 1. The gradient of s is scaled
    by 1 / sqrt(N * qmax), N the number of weights (LSQ 2.2); s starts at 2 * mean|v| / sqrt(qmax) (LSQ 2.1).
    """

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        self.qmin, self.qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.grad_scale = (weight.numel() * self.qmax) ** -0.5
        self.step_size = nn.Parameter(2 * weight.abs().mean() / self.qmax**0.5)

    def forward(self, weight: Tensor) -> Tensor:
        out: Tensor = _FakeQuantize.apply(weight, self.step_size, self.qmin, self.qmax, self.grad_scale)
        return out
