"""Quantizers, and where in a network they go."""

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config import RunConfig
from sweep.quantizers.lsq import LSQ

MIN_STEP_SIZE = 1e-8


def quantize(model: nn.Module, run: RunConfig) -> nn.Module:
    """Puts `run`'s quantizer on the weights of every convolution and linear layer of `model`, in place.

    The first and the last of them, in the order of the module tree, get `run.first_last`.
    """
    if not run.is_quantized:
        return model
    layers = [module for module in model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        at_an_end = layer is layers[0] or layer is layers[-1]
        bits = {"b": run.bits, "8": 8, "fp": None}[run.first_last] if at_an_end else run.bits
        if bits is not None:
            parametrize.register_parametrization(layer, "weight", LSQ(layer.weight.detach(), bits))
    return model


def step_sizes(model: nn.Module) -> list[nn.Parameter]:
    """The learned step sizes, one per quantized layer."""
    return [module.step_size for module in model.modules() if isinstance(module, LSQ)]


@torch.no_grad()
def keep_positive(steps: list[nn.Parameter]) -> Tensor:
    """Raises every step size below `MIN_STEP_SIZE` to it, in place; returns how many were (0-d, int64)."""
    acted = torch.zeros((), dtype=torch.int64, device=steps[0].device)
    for step in steps:
        acted += step < MIN_STEP_SIZE
        step.clamp_(min=MIN_STEP_SIZE)
    return acted
