"""Sharpness-aware quantization (Liu et al. 2021, algorithm 1)."""

from collections.abc import Mapping
from typing import Any

from sweep.config.bits import quantizes_weights
from sweep.config.checks import allowed
from sweep.config.part_classes import Rule
from sweep.config.parts import Hyperparameter
from sweep.training.updates.sam import SHARPNESS, sharpness_conflict

CASES = (1, 2, 3)
SAQ_CASE = Hyperparameter(
    "saq_case",
    int,
    "of SAQ: 1 Q(w) + eps(w), 2 Q(w + eps(w)), 3 Q(w) + eps(Q(w)); 0 without SAQ",
    neutral=0,
    low=0,
    high=CASES[-1],
    read_if=quantizes_weights,  # without Q(w) the cases are one
    is_of_precision=True,
)
GRAD_SOURCE = Hyperparameter(
    "grad_source",
    str,
    "weights whose loss gives eps(w): quantized, or full_precision",
    neutral="quantized",
    choices=("quantized", "full_precision"),
    read_if=quantizes_weights,
    is_of_precision=True,
)
COMBINE = Hyperparameter(
    "combine",
    str,
    "SAQ's gradient: sum or mean of the vanilla and the perturbed one, or perturbed alone",
    neutral="sum",
    choices=("sum", "mean", "perturbed"),
)


def saq_conflict(values: Mapping[str, Any]) -> str | None:
    case = values["saq_case"]
    if quantizes_weights(values) and case not in CASES:
        return f"saq_case={case} with rule=saq: allowed are {allowed(CASES)}"
    if case == 3 and values["grad_source"] == "full_precision":
        return (
            "grad_source=full_precision with saq_case=3, whose perturbation is the gradient of quantized weights: "
            "allowed is grad_source=quantized, or saq_case=1 or 2"
        )
    return sharpness_conflict(values)


PART = Rule(
    "saq",
    "g_s + g, or their mean, with quantized weights perturbed as `saq_case` says",
    (*SHARPNESS, SAQ_CASE, GRAD_SOURCE, COMBINE),
    conflict=saq_conflict,
    passes=lambda run: 1 + (2 if run.grad_source == "full_precision" else 1) / run.tau,
    printed=("SAQ", "SAQ (Ours)"),
)
