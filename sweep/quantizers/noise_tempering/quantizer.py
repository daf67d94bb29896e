"""Noise tempering over LSQ (Wang et al. 2022)."""

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.lsq.quantizer import LSQ, activation_quantizer
from sweep.quantizers.noise import Noise

__all__ = ["activation_quantizer", "weight_quantizer"]


class NoiseTempering(LSQ):
    """Q(w) + sg(c exp(-k |Q(w) - w|) sqrt(|Q(w) - w|) eps), Q = LSQ, eps ~ N(0, I) fresh each forward (eq. 7-8).

    In training only, and on weights only. The gradients are exactly LSQ's.
    """

    def __init__(self, weight: Tensor, bits: int, c: float, k: float, noise: Noise) -> None:
        super().__init__(weight, bits)
        self.c, self.k, self.noise = c, k, noise

    def forward(self, weight: Tensor) -> Tensor:
        quantized = super().forward(weight)
        if not self.training or not self.c:
            return quantized
        error = (quantized - weight).detach().abs()
        return quantized + self.c * (-self.k * error).exp() * error.sqrt() * self.noise.normal_like(error)


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return NoiseTempering(weight, bits, run.tempering_c, run.tempering_k, Noise(run.seed, layer))
