"""Initial parameters of activation quantizers, from data."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from sweep.quantizers.base import Quantizer


@torch.no_grad()
def initialize_activations(model: nn.Module, forward: Callable[[nn.Module], object]) -> None:
    """Initializes the activation quantizers of `model`, layer after layer, from what `forward` puts through it.

    Each sees its input as the quantizers before it leave it. `forward` gets a copy: BN's statistics and the noise
    of `model` stay as they are.
    """
    probe = copy.deepcopy(model)
    for quantizer in _input_quantizers(probe):
        quantizer.register_forward_pre_hook(_initialize)
    forward(probe)
    for own, initialized in zip(_input_quantizers(model), _input_quantizers(probe), strict=True):
        own.load_state_dict(initialized.state_dict())


def _input_quantizers(model: nn.Module) -> list[Quantizer]:
    return [module.input_quantizer for module in model.modules() if hasattr(module, "input_quantizer")]  # type: ignore[misc]


def _initialize(quantizer: Quantizer, args: tuple[Tensor]) -> None:
    quantizer.initialize(args[0])
