"""Ternary weight networks (Li et al. 2016): the description, which loads without torch."""

from collections.abc import Mapping
from typing import Any

from sweep.config.part_classes import Quantizer
from sweep.config.parts import Hyperparameter

TWN_THRESHOLD = Hyperparameter(
    "twn_threshold", float, "share of mean|w| below which a weight becomes 0", neutral=0.0, low=0
)


def conflict(values: Mapping[str, Any]) -> str | None:
    if values["bits"] == 2:
        return None
    return f"bits={values['bits']} with quantizer={values['quantizer']}: allowed is bits=2, for three levels"


PART = Quantizer("twn", "three levels: -alpha, 0 and alpha", weights=(TWN_THRESHOLD,), conflict=conflict)
