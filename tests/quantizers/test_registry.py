"""A quantizer is a folder with its description and its code, and a file in conf/ where it has defaults: they agree."""

import pytest
import torch

from sweep.config.part_classes import Quantizer
from sweep.config.parts import parts_of
from sweep.config.run import make_run
from tests.conftest import TINY
from tests.defaults_of import defaults_of

QUANTIZERS = parts_of(Quantizer)
OF_TINY = {name: value for name, value in TINY.items() if name not in ("quantizer", "first_last")}


def bits_of(quantizer: Quantizer) -> dict[str, int]:
    return {
        "bits": 32 if quantizer.weights is None else 4,
        "act_bits": 32 if quantizer.activations is None else 4,
    }


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_code_quantizes_what_the_description_says(name: str) -> None:
    quantizer = QUANTIZERS[name]
    code = quantizer.load()
    assert hasattr(code, "weight_quantizer") == (quantizer.weights is not None)
    assert hasattr(code, "activation_quantizer") == (quantizer.activations is not None)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_its_defaults_make_a_run(name: str) -> None:
    quantizer = QUANTIZERS[name]
    values = defaults_of("quantizer", name) | OF_TINY
    run = make_run(values | bits_of(quantizer))
    assert run.quantizer == name and run.first_last == values["first_last"]
    for own in quantizer.reads:
        assert getattr(run, own.name) == values[own.name]


@pytest.mark.parametrize("name", QUANTIZERS)
def test_a_quantizer_that_learns_says_so(name: str) -> None:
    """Its own parameters: what rules can perturb."""
    quantizer = QUANTIZERS[name]
    code, run = quantizer.load(), make_run(defaults_of("quantizer", name) | OF_TINY | bits_of(quantizer))
    made = [code.activation_quantizer(run, 4)] if quantizer.activations is not None else []
    if quantizer.weights is not None:
        made.append(code.weight_quantizer(run, torch.randn(4, 4), 4, 0))
    assert any([*module.parameters()] for module in made) == quantizer.learns
