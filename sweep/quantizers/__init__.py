"""Quantizers, and where in a network they go."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config import RunConfig
from sweep.quantizers.lsq import LSQ

MIN_STEP_SIZE = 1e-8
# Attention keeps the weights of its queries, keys and values as one tensor of its own; its output layer is a Linear.
WEIGHT_OF = {nn.Conv2d: "weight", nn.Linear: "weight", nn.MultiheadAttention: "in_proj_weight"}


def quantize(model: nn.Module, run: RunConfig) -> nn.Module:
    """Puts `run`'s quantizer on the weights of every convolution, linear and attention layer of `model`, in place.

    The first and the last of them, in the order of the module tree, get `run.first_last`. Queries, keys and values of
    one attention share a step size.
    """
    if not run.is_quantized:
        return model
    weights = list(_weights(model))
    for place in weights:
        at_an_end = place in (weights[0], weights[-1])
        bits = {"b": run.bits, "8": 8, "fp": None}[run.first_last] if at_an_end else run.bits
        if bits is not None:
            layer, name = place
            parametrize.register_parametrization(layer, name, LSQ(getattr(layer, name).detach(), bits))
    return model


def _weights(model: nn.Module) -> Iterator[tuple[nn.Module, str]]:
    """Layers whose weights are quantized, and the names of these."""
    for module in model.modules():
        for kind, name in WEIGHT_OF.items():
            if isinstance(module, kind):
                yield module, name


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
