"""What training needs to know of any quantizer."""

from torch import Tensor, nn


class Quantizer(nn.Module):
    """Fake quantization of one tensor: float values in, float values on at most 2^b levels out.

    Its parameters get no weight decay of their own but those in `decayed`; those in `positive` are kept above zero
    after every step.
    """

    positive: tuple[str, ...] = ()
    decayed: tuple[str, ...] = ()

    def initialize(self, x: Tensor) -> None:
        """Sets parameters from `x`, the layer's input on the first training batch; most have nothing to set."""
