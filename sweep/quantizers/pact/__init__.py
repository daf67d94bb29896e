"""Parameterized clipping activation (Choi et al. 2018)."""

from collections.abc import Mapping
from typing import Any

from sweep.config.part_classes import Quantizer
from sweep.config.parts import Hyperparameter

PACT_ALPHA = Hyperparameter("pact_alpha", float, "initial clip of PACT, 0 without PACT", neutral=0.0, low=0)


def alpha_conflict(values: Mapping[str, Any]) -> str | None:
    if values["pact_alpha"]:
        return None
    return f"pact_alpha=0 with quantizer={values['quantizer']}: allowed is a number above 0; the paper starts at 10"


PART = Quantizer(
    "pact",
    "activations clipped at a learned alpha; weights stay float",
    activations=(PACT_ALPHA,),
    printed=("PACT",),
    conflict=alpha_conflict,
    learns=True,
)
