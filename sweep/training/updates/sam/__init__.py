"""Sharpness-aware minimization (Foret et al. 2021)."""

from collections.abc import Mapping
from typing import Any

from sweep.config.part_classes import Quantizer, Rule
from sweep.config.parts import Hyperparameter, parts_of

LEAST_CHUNK = 3  # images: chunks of a batch are as equal as can be, and BN needs two in each


def perturbed_now_and_then(values: Mapping[str, Any]) -> bool:
    return bool(values["tau"] > 1)


def quantizer_learns(values: Mapping[str, Any]) -> bool:
    quantizer = parts_of(Quantizer).get(values["quantizer"])
    return quantizer is not None and quantizer.learns


RHO = Hyperparameter("rho", float, "l2 norm of the perturbation of sam and saq, 0 without one", neutral=0.0, low=0)
TAU = Hyperparameter(
    "tau",
    int,
    "steps between two perturbed gradients (efficient training); 1 takes every step's",
    neutral=1,
    unit="steps",
    low=1,
)
BETA = Hyperparameter(
    "beta",
    float,
    "weight of the kept gradient at the steps between, 0 with tau 1",
    neutral=0.0,
    low=0,
    read_if=perturbed_now_and_then,
)
EFFICIENT_NORMS = Hyperparameter(
    "efficient_norms",
    str,
    "inner products and norms of efficient training: of all parameters or per tensor",
    neutral="all",
    choices=("all", "tensor"),
    read_if=perturbed_now_and_then,
)
PERTURB_BIASES = Hyperparameter(
    "perturb_biases", bool, "whether eps has also biases and position embeddings", neutral=False
)
PERTURB_NORMS = Hyperparameter(
    "perturb_norms", bool, "whether eps has also the parameters of normalization layers", neutral=False
)
PERTURB_CLIPS = Hyperparameter(
    "perturb_clips",
    bool,
    "whether eps has also learned parameters of quantizers",
    neutral=False,
    read_if=quantizer_learns,
    is_of_precision=True,
)
BN_STATISTICS = Hyperparameter(
    "bn_statistics",
    str,
    "passes of a step that move BN's running statistics: the first, or both",
    neutral="first",
    choices=("first", "both"),
)
M_SHARPNESS = Hyperparameter(
    "m_sharpness",
    int,
    "images per perturbation: chunks of a batch have their own; 0: the batch has one",
    neutral=0,
    unit="images",
    low=0,
    read_if=lambda values: values["m_sharpness"] < values["batch_size"],
)
SHARPNESS = (
    RHO, TAU, BETA, EFFICIENT_NORMS, PERTURB_BIASES, PERTURB_NORMS, PERTURB_CLIPS, BN_STATISTICS, M_SHARPNESS,
)  # fmt: skip


def sharpness_conflict(values: Mapping[str, Any]) -> str | None:
    chunk = values["m_sharpness"]
    if 0 < chunk < LEAST_CHUNK:
        return f"m_sharpness={chunk}: allowed are 0 for the whole batch, or {LEAST_CHUNK} images and more"
    if values["bn_statistics"] == "both" and values["precision"] == "fp16":
        return (
            "bn_statistics=both with precision=fp16: where the scaled loss overflows, the second pass would leave NaN "
            "in BN's statistics; allowed is bn_statistics=first, or another precision"
        )
    return None


PART = Rule(
    "sam",
    "g_s, the gradient at w + eps, where eps is g at length `rho`",
    SHARPNESS,
    conflict=sharpness_conflict,
    passes=lambda run: 1 + 1 / run.tau,
    printed=("SAM",),
)
