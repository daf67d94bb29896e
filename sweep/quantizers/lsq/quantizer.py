"""Learned step size quantization (Esser et al. 2020; QGen eq. 1-3)."""

from typing import Any

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer

Limit = Any  # qmin or qmax: an int, or a tensor: 0-d, or with one per member of an array


def lsq_codes(v: Tensor, s: Tensor, qmin: Limit, qmax: Limit) -> tuple[Tensor, Tensor]:
    """Returns v / s, and the integer codes rint(clip(v / s, qmin, qmax)) (LSQ eq. 1); arguments broadcast."""
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
    def forward(ctx: Any, v: Tensor, s: Tensor, qmin: Limit, qmax: Limit, grad_scale: float | Tensor) -> Tensor:
        scaled, codes = lsq_codes(v, s, qmin, qmax)
        ctx.save_for_backward(scaled, codes)
        ctx.qmin, ctx.qmax, ctx.grad_scale = qmin, qmax, grad_scale
        return codes * s

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        scaled, codes = ctx.saved_tensors
        grad_v, grad_s = lsq_gradients(grad, scaled, codes, ctx.qmin, ctx.qmax)
        return grad_v, grad_s.sum() * ctx.grad_scale, None, None, None


def fake_quantize(v: Tensor, s: Tensor, qmin: Limit, qmax: Limit, grad_scale: float | Tensor) -> Tensor:
    """Returns s * rint(clip(v / s, qmin, qmax)) with gradients as in LSQ eq. 3, 5; that of s, a scalar, is scaled."""
    out: Tensor = _FakeQuantize.apply(v, s, qmin, qmax, grad_scale)
    return out


class LSQ(Quantizer):
    """Fake quantization of a weight tensor to signed `bits`-bit integers times one learned step size.

    v -> s * rint(clip(v / s, qmin, qmax)) with qmin = -2^(b-1), qmax = 2^(b-1) - 1. The gradient of s is scaled
    by 1 / sqrt(N * qmax), N the number of weights (LSQ 2.2); s starts at 2 * mean|v| / sqrt(qmax) (LSQ 2.1).
    """

    positive = ("step_size",)

    def __init__(self, weight: Tensor, bits: int) -> None:
        super().__init__()
        self.qmin, self.qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.grad_scale = (weight.numel() * self.qmax) ** -0.5
        self.step_size = nn.Parameter(self.initial_step_size(weight))

    def initial_step_size(self, weight: Tensor) -> Tensor:
        step_size: Tensor = 2 * weight.abs().mean() / self.qmax**0.5
        return step_size

    def codes(self, weight: Tensor) -> tuple[Tensor, Tensor]:
        """Returns `lsq_codes` of `weight` at the step size."""
        return lsq_codes(weight, self.step_size, self.qmin, self.qmax)

    def forward(self, weight: Tensor) -> Tensor:
        return fake_quantize(weight, self.step_size, self.qmin, self.qmax, self.grad_scale)


class ActivationLSQ(Quantizer):
    """LSQ of a layer's input x (B, ...), with one step size, which starts as a weight's does, from the first batch.

    Unsigned (qmin = 0, qmax = 2^b - 1) where that batch has no value below zero, as after a ReLU, and signed
    otherwise. The N of the gradient's scale is the number of features of one sample (LSQ 2.2), or with `per_batch`
    of the whole batch, as peers have it.
    """

    positive = ("step_size",)
    qmin: Tensor
    qmax: Tensor

    def __init__(self, bits: int, per_batch: bool) -> None:
        super().__init__()
        self.bits, self.per_batch = bits, per_batch
        self.step_size = nn.Parameter(torch.ones(()))
        self.register_buffer("qmin", torch.zeros(()))  # in the state dict: the first batch decides them
        self.register_buffer("qmax", torch.tensor(2.0**bits - 1))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        if x.min() < 0:
            self.qmin.fill_(-(2.0 ** (self.bits - 1)))
            self.qmax.fill_(2.0 ** (self.bits - 1) - 1)
        mean = x.abs().mean().clamp(min=torch.finfo(x.dtype).tiny)  # above zero even where every value is zero
        self.step_size.copy_(2 * mean / self.qmax.sqrt())

    def forward(self, x: Tensor) -> Tensor:
        return fake_quantize(x, self.step_size, self.qmin, self.qmax, self.grad_scale(x))

    def grad_scale(self, x: Tensor) -> Tensor:
        features = x.numel() if self.per_batch else x[0].numel()
        return (features * self.qmax).rsqrt()


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return LSQ(weight, bits)


def activation_quantizer(run: RunConfig, bits: int) -> Quantizer:
    return ActivationLSQ(bits, per_batch=run.act_grad_scale == "batch")
