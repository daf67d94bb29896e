"""Ternary weight networks: the code."""

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.straight_through import straight_through


class Ternary(Quantizer):
    """w -> alpha sign(w) where |w| > threshold mean|w|, else 0; alpha is the mean |w| of the former (Li et al. 2016,
    eq. 4-6). The gradient passes as if nothing were done."""

    def __init__(self, threshold: float) -> None:
        super().__init__()
        self.threshold = threshold

    def forward(self, weight: Tensor) -> Tensor:
        magnitude = weight.detach().abs()
        is_kept = magnitude > self.threshold * magnitude.mean()
        alpha = (magnitude * is_kept).sum() / is_kept.sum().clamp(min=1)
        return straight_through(alpha * weight.detach().sign() * is_kept, weight)


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    """`bits` is 8 in the first and last layer with first_last=8; they are ternary all the same."""
    return Ternary(run.twn_threshold)
