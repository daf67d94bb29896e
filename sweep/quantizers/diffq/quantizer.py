"""DiffQ's pseudo quantization noise (Défossez et al. 2021), at a fixed number of bits."""

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.noise import Noise
from sweep.quantizers.straight_through import straight_through


class DiffQ(Quantizer):
    """Maps w to w + step / 2 * noise in training, noise uniform on [-1, 1] or N(0, 1); otherwise to the nearest level.

    There are 2^b levels from min(w) to max(w), step = (max - min) / (2^b - 1). No gradient flows through step.
    DiffQ learns the bits of groups of weights; here every layer has one number of bits, and none is learned.
    """

    def __init__(self, bits: int, distribution: str, noise: Noise) -> None:
        super().__init__()
        self.steps: int = 2**bits - 1
        self.distribution, self.noise = distribution, noise

    def forward(self, weight: Tensor) -> Tensor:
        fixed = weight.detach()
        low = fixed.min()
        step = (fixed.max() - low) / self.steps
        if self.training:
            noise = self.noise.normal_like(fixed) if self.distribution == "normal" else self.noise.uniform_like(fixed)
            return weight + step / 2 * noise
        return straight_through(low + step * ((fixed - low) / step).round(), weight)


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return DiffQ(bits, run.diffq_noise, Noise(run.seed, layer))
