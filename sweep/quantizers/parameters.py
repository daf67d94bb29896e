"""The learned parameters of quantizers: which there are, and what training does to them besides its steps."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from sweep.quantizers.base import Quantizer

MIN_STEP_SIZE = 1e-8


def undecayed_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters of quantizers without weight decay of their own: step sizes, offsets, SAQ's clips."""
    return [parameter for quantizer, name, parameter in _parameters(model) if name not in quantizer.decayed]


def positive_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Returns the parameters of quantizers that must stay above zero."""
    return [parameter for quantizer, name, parameter in _parameters(model) if name in quantizer.positive]


def _parameters(model: nn.Module) -> Iterator[tuple[Quantizer, str, nn.Parameter]]:
    for module in model.modules():
        if isinstance(module, Quantizer):
            for name, parameter in module.named_parameters(recurse=False):
                yield module, name, parameter


@torch.no_grad()
def keep_positive(parameters: list[nn.Parameter]) -> Tensor:
    """Raises every one below `MIN_STEP_SIZE` to it, in place; returns how many were (0-d, int64)."""
    acted = torch.zeros((), dtype=torch.int64, device=parameters[0].device)
    for parameter in parameters:
        acted += parameter < MIN_STEP_SIZE
        parameter.clamp_(min=MIN_STEP_SIZE)
    return acted
