"""LSQ+ (Bhalgat et al. 2020): LSQ with an offset for activations, and other initial values."""

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.lsq.quantizer import LSQ, ActivationLSQ, fake_quantize

TOLERANCE = 1e-5  # relative change of the step size at which least squares ends
MOST_ITERATIONS = 100


class LSQPlus(LSQ):
    """Symmetric weights: LSQ with initial s = max(|mu - 3 sigma|, |mu + 3 sigma|) / 2^(b-1) (LSQ+ 3.2.2).

    sigma is the unbiased standard deviation; the paper does not say.
    """

    def initial_step_size(self, weight: Tensor) -> Tensor:
        mean, spread = weight.mean(), weight.std() * 3
        step_size: Tensor = torch.maximum((mean - spread).abs(), (mean + spread).abs()) / -self.qmin
        return step_size


class ActivationLSQPlus(ActivationLSQ):
    """Maps x to s * rint(clip((x - beta) / s, 0, 2^b - 1)) + beta, s and beta learned (LSQ+ eq. 1-6, config. 4).

    Gradient of beta: 0 inside the clip and 1 outside, unscaled (as in Q-ViT's and VVTQ's code; the paper does not
    say). Both start where ||x - xhat||^2 of the first batch is smallest, as `least_squares` finds it.
    """

    def __init__(self, bits: int, per_batch: bool) -> None:
        super().__init__(bits, per_batch)
        self.offset = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def initialize(self, x: Tensor) -> None:
        step_size, offset = least_squares(x, 2**self.bits - 1)
        self.step_size.copy_(step_size)
        self.offset.copy_(offset)

    def forward(self, x: Tensor) -> Tensor:
        shifted = x - self.offset
        return fake_quantize(shifted, self.step_size, self.qmin, self.qmax, self.grad_scale(x)) + self.offset


def least_squares(x: Tensor, qmax: int) -> tuple[Tensor, Tensor]:
    """Step size and offset that minimise ||x - s q - beta||^2, q = rint(clip((x - beta) / s, 0, qmax)).

    In turns: the codes q of s and beta, then s and beta of the regression of x on q, from the range of x on, until s
    changes by less than `TOLERANCE`. Public code alternates so for s alone, from max|x| / qmax; the paper names the
    objective only. Finds a local minimum.
    """
    offset = x.min()
    step_size = ((x.max() - offset) / qmax).clamp(min=torch.finfo(x.dtype).tiny)  # above zero for a constant x
    for _ in range(MOST_ITERATIONS):
        codes = ((x - offset) / step_size).clamp(0, qmax).round()
        centred = codes - codes.mean()
        variance = centred.square().mean()
        if variance == 0:
            break
        before, step_size = step_size, (centred * x).mean() / variance
        offset = x.mean() - step_size * codes.mean()
        if (step_size - before).abs() < TOLERANCE * before:
            break
    return step_size, offset


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return LSQPlus(weight, bits)


def activation_quantizer(run: RunConfig, bits: int) -> Quantizer:
    return ActivationLSQPlus(bits, per_batch=run.act_grad_scale == "batch")
