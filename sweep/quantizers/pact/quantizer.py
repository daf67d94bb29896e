"""Parameterized clipping activation (Choi et al. 2018)."""

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.straight_through import straight_through


class PACT(Quantizer):
    """Maps x to rint(y (2^b - 1) / alpha) alpha / (2^b - 1), y = clip(x, 0, alpha), alpha learned (PACT eq. 1-2).

    Gradient of x: 1 on (0, alpha); of alpha: 1 where x >= alpha and 0 elsewhere, the rounding ignored (eq. 3).
    alpha has the weight decay of the weights (PACT 3).
    """

    positive = decayed = ("alpha",)

    def __init__(self, bits: int, alpha: float) -> None:
        super().__init__()
        self.steps = 2**bits - 1
        self.alpha = nn.Parameter(torch.tensor(alpha))

    def forward(self, x: Tensor) -> Tensor:
        clipped = torch.where(x >= self.alpha, self.alpha, torch.where(x > 0, x, 0.0))
        step = self.alpha.detach() / self.steps
        return straight_through((clipped.detach() / step).round() * step, clipped)


def activation_quantizer(run: RunConfig, bits: int) -> Quantizer:
    return PACT(bits, run.pact_alpha)
