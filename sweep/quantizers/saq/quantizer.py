"""SAQ's uniform quantizer with weight normalization (Liu et al. 2021, eq. 1-2)."""

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.straight_through import round_through

INITIAL_CLIP = 1.0  # SAQ 5.1


def _clip(x: Tensor, low: float) -> Tensor:
    """clip(x, low, 1) with gradient 1 strictly inside, as eq. 1 has it; torch.clamp passes it at the limits too."""
    return torch.where((x > low) & (x < 1), x, x.detach().clamp(low, 1))


class SAQ(Quantizer):
    """Maps w to a (2 rint(n what) / n - 1), what = (clip(w~ / a, -1, 1) + 1) / 2, n = 2^b - 1, a learned (SAQ eq. 1-2).

    w~ = (w - mean) / std, with the unbiased std; no gradient flows through either. Linear layers are normalized as
    convolutions are (SAQ's code leaves them as they are). a is used as |a|. 2^b symmetric levels, zero not among them.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.steps = 2**bits - 1
        self.clip = nn.Parameter(torch.tensor(INITIAL_CLIP))

    def forward(self, weight: Tensor) -> Tensor:
        fixed, clip = weight.detach(), self.clip.abs()
        normalized = (weight - fixed.mean()) / fixed.std()
        share = (_clip(normalized / clip, -1) + 1) / 2
        out: Tensor = clip * (2 * (round_through(share * self.steps) / self.steps) - 1)
        return out


class ActivationSAQ(Quantizer):
    """Maps x to a rint(n clip(x / a, 0, 1)) / n, n = 2^b - 1, for inputs after a ReLU; a is used as |a|."""

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.steps = 2**bits - 1
        self.clip = nn.Parameter(torch.tensor(INITIAL_CLIP))

    def forward(self, x: Tensor) -> Tensor:
        clip = self.clip.abs()
        out: Tensor = clip * (round_through(_clip(x / clip, 0) * self.steps) / self.steps)
        return out


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return SAQ(bits)


def activation_quantizer(run: RunConfig, bits: int) -> Quantizer:
    return ActivationSAQ(bits)
