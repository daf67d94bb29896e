"""What training needs to know of any quantizer."""

from collections.abc import Sequence

import torch
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


class Parts(Quantizer):
    """A quantizer for each of equal parts of a tensor along its first dimension."""

    def __init__(self, quantizers: Sequence[Quantizer]) -> None:
        super().__init__()
        self.parts = nn.ModuleList(quantizers)

    def forward(self, x: Tensor) -> Tensor:
        parts = x.chunk(len(self.parts))
        return torch.cat([quantizer(part) for quantizer, part in zip(self.parts, parts, strict=True)])
