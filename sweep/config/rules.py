"""Update rules: what each makes of a batch, which hyperparameters it reads, and what cannot go together."""

from collections.abc import Callable, Mapping
from typing import Any

from sweep.config.checks import ConfigError, allowed, check_boolean, check_choice, check_integer, check_number

CASES = (1, 2, 3)  # of SAQ
GRAD_SOURCES = ("quantized", "full_precision")
COMBINATIONS = ("sum", "mean", "perturbed")
NORMS = ("all", "tensor")
BN_STATISTICS = ("first", "both")
LEAST_CHUNK = 3  # images: chunks of a batch are as equal as can be, and BN needs two in each

_SHARPNESS = (
    "rho", "tau", "beta", "efficient_norms", "perturb_biases", "perturb_norms", "perturb_clips", "bn_statistics",
    "m_sharpness",
)  # fmt: skip
RULES = {"plain": (), "sam": _SHARPNESS, "saq": (*_SHARPNESS, "saq_case", "grad_source", "combine")}
RULE_FIELDS = ("rule", *RULES["saq"])
QUANTIZED_ONLY = ("saq_case", "grad_source", "perturb_clips")  # what only quantized networks can differ in

RULE_PARSERS: dict[str, Callable[[str, Any], Any]] = {
    "rule": lambda n, v: check_choice(n, v, tuple(RULES)),
    "rho": lambda n, v: check_number(n, v, 0),
    "saq_case": lambda n, v: check_integer(n, v, 0, CASES[-1]),
    "grad_source": lambda n, v: check_choice(n, v, GRAD_SOURCES),
    "combine": lambda n, v: check_choice(n, v, COMBINATIONS),
    "tau": lambda n, v: check_integer(n, v, 1),
    "beta": lambda n, v: check_number(n, v, 0),
    "efficient_norms": lambda n, v: check_choice(n, v, NORMS),
    "perturb_biases": check_boolean,
    "perturb_norms": check_boolean,
    "perturb_clips": check_boolean,
    "bn_statistics": lambda n, v: check_choice(n, v, BN_STATISTICS),
    "m_sharpness": lambda n, v: check_integer(n, v, 0),
}


def rule_values(values: Mapping[str, Any], neutral: Mapping[str, Any], has_clips: bool) -> dict[str, Any]:
    """The update rule of `values` and, at `neutral`, what it does not read; raises `ConfigError`.

    `values` have their quantizer settled; `has_clips`: whether it has learned parameters.
    """
    _check(values)
    read = set(RULES[values["rule"]])
    if values["tau"] == 1:
        read -= {"beta", "efficient_norms"}
    if values["m_sharpness"] >= values["batch_size"]:
        read -= {"m_sharpness"}
    if not has_clips:
        read -= {"perturb_clips"}
    if values["bits"] == neutral["act_bits"]:  # no Q(w): the cases are one
        read -= {"saq_case", "grad_source"}
    return {name: values[name] if name in read else neutral[name] for name in RULE_FIELDS} | {"rule": values["rule"]}


def _check(values: Mapping[str, Any]) -> None:
    rule, case, chunk = values["rule"], values["saq_case"], values["m_sharpness"]
    if rule == "plain":
        return
    if 0 < chunk < LEAST_CHUNK:
        raise ConfigError(f"m_sharpness={chunk}: allowed are 0 for the whole batch, or {LEAST_CHUNK} images and more")
    if values["bn_statistics"] == "both" and values["precision"] == "fp16":
        raise ConfigError(
            "bn_statistics=both with precision=fp16: where the scaled loss overflows, the second pass would leave NaN "
            "in BN's statistics; allowed is bn_statistics=first, or another precision"
        )
    if rule == "saq" and case not in CASES:
        raise ConfigError(f"saq_case={case} with rule=saq: allowed are {allowed(CASES)}")
    if rule == "saq" and case == 3 and values["grad_source"] == "full_precision":
        raise ConfigError(
            "grad_source=full_precision with saq_case=3, whose perturbation is the gradient of quantized weights: "
            "allowed is grad_source=quantized, or saq_case=1 or 2"
        )


def passes(rule: str, grad_source: str, tau: int) -> float:
    """Forward and backward passes per step, a mean over steps (the first step aside)."""
    if rule == "plain":
        return 1
    return 1 + (2 if grad_source == "full_precision" else 1) / tau
