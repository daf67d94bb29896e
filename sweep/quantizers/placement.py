"""Where quantizers go in a network, by the types of its modules."""

from importlib import import_module
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config import FULL_PRECISION, RunConfig

QUANTIZED_TYPES = (nn.Conv2d, nn.Linear)


def quantize(model: nn.Module, run: RunConfig) -> nn.Module:
    """Puts `run`'s quantizer on every layer of `QUANTIZED_TYPES` in `model`, in place.

    On its weight as a parametrization, and on its input as the submodule `input_quantizer`. The first and the last
    layer, in the order of the module tree, get `run.first_last`; the input of the first, which are the images, is
    quantized with `run.quantize_images` only.
    """
    if not run.is_quantized:
        return model
    module = import_module(f"sweep.quantizers.{run.quantizer}")
    layers = [layer for layer in model.modules() if isinstance(layer, QUANTIZED_TYPES)]
    for number, layer in enumerate(layers):
        is_end = layer is layers[0] or layer is layers[-1]
        bits, act_bits = (_bits(b, run.first_last if is_end else "b") for b in (run.bits, run.act_bits))
        if bits != FULL_PRECISION:
            quantizer = module.weight_quantizer(run, layer.weight.detach(), bits, number)
            parametrize.register_parametrization(layer, "weight", quantizer)
        if act_bits != FULL_PRECISION and (number or run.quantize_images):
            layer.input_quantizer = module.activation_quantizer(run, act_bits)
            layer.register_forward_pre_hook(_quantize_input)
    return model


def _bits(bits: int, first_last: str) -> int:
    if bits == FULL_PRECISION or first_last == "b":
        return bits
    return 8 if first_last == "8" else FULL_PRECISION


def _quantize_input(layer: Any, args: tuple[Tensor]) -> tuple[Tensor]:
    """In the precision of the quantizer's parameters, also where the products are in 16 bits."""
    quantizer = layer.input_quantizer
    return (quantizer(args[0].to(next(quantizer.parameters()).dtype)),)
