"""Where quantizers go in networks of other layers than NiN's."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from sweep.models import build_model
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.quantizers.parameters import undecayed_parameters
from sweep.quantizers.placement import quantize
from tests.conftest import tiny_run

SIDE = 32
WIDTH = 192  # of DeiT-T
BLOCKS = 12


def quantized(name: str, first_last: str) -> nn.Module:
    run = tiny_run(model=name, bits=2, first_last=first_last, base_width=4)
    torch.manual_seed(0)
    return quantize(build_model(run, 3, 10, (SIDE, SIDE)), run)


def quantizers(model: nn.Module) -> dict[str, int]:
    """Bits by the name of the quantized tensor."""
    found = [(name, module) for name, module in model.named_modules() if isinstance(module, LSQ)]
    return {name.removesuffix(".0").replace(".parametrizations", ""): q.qmax.bit_length() + 1 for name, q in found}


@pytest.mark.parametrize(
    ("name", "first", "last", "layers"),
    [
        ("deit_t", "conv_proj.weight", "heads.head.weight", 2 + 4 * BLOCKS),
        ("swin_t", "features.0.0.weight", "head.weight", 2 + 4 * BLOCKS + 3),
        ("resnet18", "conv1.weight", "fc.weight", 2 + 2 * 8 + 3),
        ("cifar_resnet50", "conv1.weight", "fc.weight", 2 + 3 * 16 + 4),
        ("mobilenet_v2", "features.0.0.weight", "classifier.1.weight", 53),
        ("vgg19", "0.0.weight", "3.weight", 17),
    ],
)
def test_first_and_last_layer(name: str, first: str, last: str, layers: int) -> None:
    at_8 = quantizers(quantized(name, "8"))
    assert len(at_8) == layers
    assert {weight for weight, bits in at_8.items() if bits == 8} == {first, last}
    assert set(at_8.values()) == {2, 8}
    assert set(at_8) - set(quantizers(quantized(name, "fp"))) == {first, last}


def test_attention_is_quantized_in_all_four_projections() -> None:
    model = quantized("deit_t", "fp")
    attention = {name for name in quantizers(model) if "self_attention" in name and "layer_0." in name}
    prefix = "encoder.layers.encoder_layer_0.self_attention"
    assert attention == {f"{prefix}.in_proj_weight", f"{prefix}.out_proj.weight"}
    layer = model.get_submodule(prefix)
    assert layer.in_proj_weight.shape == (3 * WIDTH, WIDTH)  # type: ignore[operator, union-attr]
    assert len(undecayed_parameters(model)) == 4 * BLOCKS


def attention_of(layer: nn.Module, tokens: Tensor, heads: int) -> Tensor:
    """Written out, with the weights that the layer shows."""
    q, k, v = F.linear(tokens, layer.in_proj_weight, layer.in_proj_bias).chunk(3, dim=-1)  # type: ignore[arg-type]
    q, k, v = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))  # (B, heads, tokens, channels)
    weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
    return layer.out_proj((weights @ v).transpose(1, 2).flatten(2))  # type: ignore[operator, no-any-return]


@pytest.mark.parametrize("training", [True, False])
def test_attention_computes_with_the_quantized_weights(training: bool) -> None:
    """Also without gradients, where PyTorch takes a kernel of its own."""
    layer = quantized("deit_t", "b").get_submodule("encoder.layers.encoder_layer_0.self_attention").train(training)
    tokens = torch.randn(2, 5, WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.set_grad_enabled(training):
        out, _ = layer(tokens, tokens, tokens, need_weights=False)
        torch.testing.assert_close(out, attention_of(layer, tokens, heads=3), rtol=1e-4, atol=1e-6)
    assert len(layer.in_proj_weight.unique()) == 3  # type: ignore[arg-type, operator]  # none lies below -1.5 steps
