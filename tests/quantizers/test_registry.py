"""A quantizer is a module, a line in the config's table and a file in conf/: they must agree."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from sweep import PROJECT
from sweep.config.run import QUANTIZERS, UNLESS, make_run
from tests.conftest import TINY

CONF = PROJECT / "conf"


def read(path: Path) -> dict[str, object]:
    values: dict[str, object] = yaml.safe_load(path.read_text())
    return values


@pytest.mark.parametrize("name", QUANTIZERS)
def test_the_module_quantizes_what_the_table_says(name: str) -> None:
    module, quantizer = import_module(f"sweep.quantizers.{name}"), QUANTIZERS[name]
    assert hasattr(module, "weight_quantizer") == (quantizer.weights is not None)
    assert hasattr(module, "activation_quantizer") == (quantizer.activations is not None)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_its_defaults_make_a_run(name: str) -> None:
    quantizer = QUANTIZERS[name]
    bits = 4 if quantizer.weights is not None else 32
    act_bits = 4 if quantizer.activations is not None else 32
    values = TINY | read(CONF / "neutral.yaml") | read(CONF / "quantizer" / f"{name}.yaml")
    run = make_run(values | {"bits": bits, "act_bits": act_bits})
    assert run.quantizer == name and run.first_last == values["first_last"]
    for hyperparameter in {*(quantizer.weights or ()), *(quantizer.activations or ())}:
        assert getattr(run, hyperparameter) == values[hyperparameter]


def test_every_file_is_a_quantizer() -> None:
    assert {path.stem for path in (CONF / "quantizer").glob("*.yaml")} == set(QUANTIZERS)


def test_the_neutral_values_are_those_that_are_left_out_of_ids() -> None:
    neutral = read(CONF / "neutral.yaml") | {"act_bits": read(CONF / "sweep.yaml")["act_bits"]}
    assert neutral == UNLESS
