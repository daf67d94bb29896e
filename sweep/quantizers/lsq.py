"""Learned step size quantization (Esser et al. 2020; QGen eq. 1-3)."""

from typing import Any

import torch
from torch import Tensor, nn


class _FakeQuantize(torch.autograd.Function):
    """Forward and backward of LSQ eq. 1-3 and 5, written out.

    autograd through clamp and round gives other gradients exactly at the clip boundary, and torch's built-in
    learnable fake quantizer masks on the rounded value, which is not LSQ.
    """

    @staticmethod
    def forward(ctx: Any, v: Tensor, s: Tensor, qmin: int, qmax: int, grad_scale: float) -> Tensor:
        scaled = v / s
        codes = scaled.clamp(qmin, qmax).round_()
        ctx.save_for_backward(scaled, codes)
        ctx.qmin, ctx.qmax, ctx.grad_scale = qmin, qmax, grad_scale
        return codes * s

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        scaled, codes = ctx.saved_tensors
        inside = (scaled > ctx.qmin) & (scaled < ctx.qmax)
        # codes are already qmin or qmax outside
        grad_s = (grad * torch.where(inside, codes - scaled, codes)).sum() * ctx.grad_scale
        return grad * inside, grad_s, None, None, None


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
