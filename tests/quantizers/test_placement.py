"""Which layers of a network are quantized, and with what."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config.run import RunConfig
from sweep.models import build_model
from sweep.quantizers.base import Quantizer
from sweep.quantizers.calibration import initialize_activations
from sweep.quantizers.lsq.quantizer import LSQ, ActivationLSQ
from sweep.quantizers.parameters import positive_parameters, undecayed_parameters
from sweep.quantizers.placement import quantize
from tests.config.each_quantizer import ACTS, EACH_QUANTIZER
from tests.conftest import tiny_run

IMAGES = torch.randn(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))


def network(run: RunConfig) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(run.seed)
        return quantize(build_model(run, 1, 10, (8, 8)), run)


def convolutions(model: nn.Module) -> list[Any]:
    return [module for module in model.modules() if isinstance(module, nn.Conv2d)]


@pytest.mark.parametrize("name", [name for name, run in EACH_QUANTIZER.items() if run.bits != 32])
@pytest.mark.parametrize("bits", [2, 4])
def test_weights_of_nin_have_at_most_two_to_the_bits_values(name: str, bits: int) -> None:
    values = {field: getattr(EACH_QUANTIZER[name], field) for field in ("act_bits", "pact_alpha", "diffq_noise")}
    model = network(tiny_run(quantizer=name, bits=bits, base_width=8, tempering_c=0.2, **values)).eval()
    weights = [conv.weight.detach() for conv in convolutions(model)]
    assert len(weights) == 7
    assert all(2 <= len(weight.unique()) <= 2**bits < weight.numel() for weight in weights)


@pytest.mark.parametrize(("first_last", "ends"), [("b", 4), ("8", 8), ("fp", None)])
@pytest.mark.parametrize("quantize_images", [False, True])
def test_activations_of_the_first_and_last_layer(first_last: str, ends: int | None, quantize_images: bool) -> None:
    run = tiny_run(bits=32, act_bits=4, first_last=first_last, quantize_images=quantize_images)
    found = [
        conv.input_quantizer.bits if hasattr(conv, "input_quantizer") else None for conv in convolutions(network(run))
    ]
    assert found == [ends if quantize_images else None, *[4] * 5, ends]
    assert not any(parametrize.is_parametrized(conv) for conv in convolutions(network(run)))


def test_the_state_dict_of_lsq_weights_stays() -> None:
    names = [name for name in network(tiny_run()).state_dict() if "head.0" in name]
    assert names == [
        "head.0.bias",
        "head.0.parametrizations.weight.original",
        "head.0.parametrizations.weight.0.step_size",
    ]


def test_images_are_signed_and_what_follows_a_relu_is_not() -> None:
    model = network(tiny_run(act_bits=4, quantize_images=True))
    initialize_activations(model, lambda probe: probe(IMAGES))
    limits = [(conv.input_quantizer.qmin.item(), conv.input_quantizer.qmax.item()) for conv in convolutions(model)]
    assert limits == [(-8, 7), *[(0, 15)] * 6]


def test_activations_start_from_what_the_quantizers_before_leave() -> None:
    model = network(tiny_run(act_bits=2))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    initialize_activations(model, lambda probe: probe(IMAGES))
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert changed and all("input_quantizer" in name for name in changed)  # BN's statistics are untouched
    seen: list[Tensor] = []
    last = convolutions(model)[-1]
    last.input_quantizer.register_forward_pre_hook(lambda module, args: seen.append(args[0]))
    model(IMAGES)
    assert last.input_quantizer.step_size.item() == pytest.approx(2 * seen[0].mean().item() / 3**0.5, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "undecayed", "positive"),
    [("lsq", 7, 7), ("lsq_plus", 7, 7), ("dorefa", 0, 0), ("pact", 0, 5), ("saq", 7, 0), ("noise_tempering", 7, 7),
     ("dorefa_pact", 0, 6), ("diffq", 0, 0)],
)  # fmt: skip
def test_learned_parameters(name: str, undecayed: int, positive: int) -> None:
    run = EACH_QUANTIZER[name]
    if name == "pact":
        run = tiny_run(quantizer="pact", bits=32, first_last="fp", **ACTS)
    model = network(run)
    assert (len(undecayed_parameters(model)), len(positive_parameters(model))) == (undecayed, positive)


def test_an_offset_has_no_weight_decay_and_may_be_negative() -> None:
    model = network(tiny_run(quantizer="lsq_plus", bits=32, act_bits=4))
    names = {
        name.rpartition(".")[2] for name, p in model.named_parameters() if id(p) in map(id, undecayed_parameters(model))
    }
    assert names == {"step_size", "offset"}
    assert len(undecayed_parameters(model)) == 2 * len(positive_parameters(model)) == 12


def test_a_linear_layer_is_quantized_too() -> None:
    model = quantize(nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)), tiny_run(act_bits=4))
    kinds = [type(module) for module in model.modules() if isinstance(module, Quantizer)]
    assert kinds == [LSQ, LSQ, ActivationLSQ]  # the images stay
