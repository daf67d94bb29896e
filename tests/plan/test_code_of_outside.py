"""Parts from outside are fingerprinted by what they import of their own package."""

from collections.abc import Mapping

import pytest

from sweep.config import parts
from sweep.config.part_classes import Optimizer
from sweep.config.parts import parts_of
from sweep.plan.code import TodaysCode
from sweep.plan.sources import Sources, installed_text
from tests.conftest import DIGITS, tiny_run

NAME = "my_package.my_part"
TEXTS = {
    "my_package": "",
    NAME: "from my_package.sub import helper\nimport other_package",
    "my_package.sub": "",
    "my_package.sub.helper": "from . import constants",
    "my_package.sub.constants": "GAIN = 1",
    "my_package.unrelated": "x = 1",
    "other_package": "x = 1",
}
OF_PART = ("my_package", NAME, "my_package.sub", "my_package.sub.helper", "my_package.sub.constants")


@pytest.fixture(autouse=True)
def known_part(monkeypatch: pytest.MonkeyPatch) -> None:
    part = Optimizer(NAME, "gradient descent", module=NAME, code=NAME)
    monkeypatch.setitem(parts._PARTS, Optimizer, {**parts_of(Optimizer), NAME: part})


def sources_of(texts: Mapping[str, str]) -> Sources:
    return Sources(lambda module: texts[module] if module in texts else installed_text(module))


def fingerprints(texts: Mapping[str, str]) -> tuple[str, str]:
    """Those of a run with the part and of one without it."""
    code = TodaysCode("train", lambda student: student, sources=sources_of(texts))
    with_part, without = tiny_run(optimizer=NAME, momentum=0), tiny_run()
    return code.of(with_part, DIGITS, "plain").fingerprint, code.of(without, DIGITS, "plain").fingerprint


@pytest.mark.parametrize("module", TEXTS)
def test_an_edit_hits_runs_of_the_part_that_imports_it(module: str) -> None:
    before, after = fingerprints(TEXTS), fingerprints({**TEXTS, module: f"{TEXTS[module]}\nEDITED = 1"})
    assert (before[0] != after[0]) == (module in OF_PART)
    assert before[1] == after[1], "runs without the part"


def test_its_code_is_ours_and_its_own() -> None:
    code = TodaysCode("train", lambda student: student, sources=sources_of(TEXTS))
    modules = code.of(tiny_run(optimizer=NAME, momentum=0), DIGITS, "plain").modules
    assert {module for module in modules if not module.startswith("sweep")} == set(OF_PART)
    assert "sweep.training.plain" in modules and "sweep.training.optimizers.sgd" not in modules
