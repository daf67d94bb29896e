"""DoReFa weights (Zhou et al. 2016)."""

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.straight_through import round_through


class DoReFa(Quantizer):
    """Maps w to 2 q(tanh(w) / (2 max|tanh(w)|) + 1/2) - 1, q(r) = rint((2^b - 1) r) / (2^b - 1) (DoReFa eq. 9).

    2^b symmetric levels from -1 to 1, zero not among them, whatever the scale of w: the network needs normalization.
    The gradient passes the rounding, and flows through tanh and the maximum.
    """

    def __init__(self, bits: int) -> None:
        super().__init__()
        self.steps = 2**bits - 1

    def forward(self, weight: Tensor) -> Tensor:
        squashed = weight.tanh()
        share = squashed / (2 * squashed.abs().max()) + 0.5
        out: Tensor = 2 * (round_through(self.steps * share) / self.steps) - 1
        return out


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return DoReFa(bits)
