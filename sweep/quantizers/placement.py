"""Where quantizers go in a network, by the types of its modules."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config.bits import FULL_PRECISION
from sweep.config.part_classes import Quantizer as QuantizerPart
from sweep.config.parts import part_of
from sweep.config.run import RunConfig
from sweep.quantizers.base import Parts, Quantizer

# Attention keeps the weights of its queries, keys and values as one tensor of its own; its output layer is a Linear.
WEIGHT_OF: dict[type[nn.Module], str] = {
    nn.Conv2d: "weight",
    nn.Linear: "weight",
    nn.MultiheadAttention: "in_proj_weight",
}


def quantize(model: nn.Module, run: RunConfig) -> nn.Module:
    """Puts `run`'s quantizer on every convolution, linear and attention layer of `model`, in place.

    On its weight as a parametrization, and on its input as the submodule `input_quantizer`. The first and the last
    layer, in the order of the module tree, get `run.first_last`; the input of the first, which are the images, is
    quantized with `run.quantize_images` only. Queries, keys and values of one attention share a quantizer, unless
    the quantizer is declared to split attention.
    """
    if not run.is_quantized:
        return model
    part = part_of(QuantizerPart, run.quantizer)
    module = part.load()
    weights = list(layer_weights(model))
    for number, (layer, name, is_attention) in enumerate(weights):
        is_end = number in (0, len(weights) - 1)
        bits, act_bits = (_bits(b, run.first_last if is_end else "b") for b in (run.bits, run.act_bits))
        if bits != FULL_PRECISION:
            parts = getattr(layer, name).detach().chunk(3 if is_attention and part.splits_attention else 1)
            quantizers = [module.weight_quantizer(run, part, bits, number) for part in parts]
            quantizer = Parts(quantizers) if len(parts) > 1 else quantizers[0]
            parametrize.register_parametrization(layer, name, quantizer)
        if act_bits != FULL_PRECISION and (number or run.quantize_images):
            quantize_input(layer, module.activation_quantizer(run, act_bits))
    return model


def quantize_input(layer: nn.Module, quantizer: Quantizer) -> None:
    """Puts `quantizer` on the input of `layer`, as its submodule `input_quantizer`."""
    layer.input_quantizer = quantizer
    layer.register_forward_pre_hook(_quantize_input)


def layer_weights(model: nn.Module) -> Iterator[tuple[nn.Module, str, bool]]:
    """Layers whose weights can be quantized, the names of these, and whether queries, keys and values are in one."""
    path: str
    module: nn.Module
    for path, module in model.named_modules():
        for kind, name in WEIGHT_OF.items():
            if isinstance(module, kind):
                yield module, name, kind is nn.MultiheadAttention or path.endswith(".qkv")


def _bits(bits: int, first_last: str) -> int:
    if bits == FULL_PRECISION or first_last == "b":
        return bits
    return 8 if first_last == "8" else FULL_PRECISION


def _quantize_input(layer: Any, args: tuple[Tensor]) -> tuple[Tensor]:
    """In the precision of the quantizer's parameters, also where the products are in 16 bits."""
    quantizer = layer.input_quantizer
    return (quantizer(args[0].to(next(quantizer.parameters()).dtype)),)
