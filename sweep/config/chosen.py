"""Which parts a run is made of, and what they leave unread."""

from collections.abc import Mapping
from typing import Any

from sweep.config.bits import FULL_PRECISION, quantizes_activations, quantizes_weights
from sweep.config.checks import ConfigError, allowed
from sweep.config.networks import Network
from sweep.config.part_classes import Optimizer, Quantizer, Rule, Schedule
from sweep.config.parts import (
    Hyperparameter,
    Part,
    Values,
    check_from_outside,
    from_outside,
    hyperparameters_of,
    part_of,
    parts_of,
)
from sweep.config.transfer import TRANSFER

NO_QUANTIZER = "none"
# Every run has one part of each of these classes.
PART_CLASSES: tuple[type[Part], ...] = (Network, Quantizer, Optimizer, Schedule, Rule)
OF_QUANTIZERS = hyperparameters_of(parts_of(Quantizer).values())
ALL_PARTS: tuple[Part, ...] = (*(part for each in PART_CLASSES for part in parts_of(each).values()), *TRANSFER)
OF_PARTS: Mapping[str, Hyperparameter] = hyperparameters_of(ALL_PARTS)
FROM_OUTSIDE = from_outside(ALL_PARTS)
check_from_outside(ALL_PARTS, "runs")


def chosen_parts(values: Values) -> list[Part]:
    """Returns the parts of `values`, whose quantizer is settled; full precision has none."""
    return [part_of(each, values[each.key]) for each in PART_CLASSES if values[each.key] != NO_QUANTIZER]


def check_chosen(key: str, value: object) -> str:
    """Returns `value`, the name of a part of the class with this key; raises `ConfigError` where it is none."""
    name = str(value)
    if (key, name) != (Quantizer.key, NO_QUANTIZER):
        part_of(next(each for each in PART_CLASSES if each.key == key), name)
    return name


def unknown_parts(values: Values) -> list[str]:
    """The choices of `values`, of a row, that name no part here, such as `quantizer=my_package.my_quantizer`."""
    chosen = {each.key: (values[each.key], parts_of(each)) for each in PART_CLASSES}
    return [f"{key}={name}" for key, (name, known) in chosen.items() if name != NO_QUANTIZER and name not in known]


def chosen_quantizer(values: Values) -> str:
    """The quantizer that there is at the bits of `values`; raises `ConfigError` where it cannot be.

    A quantizer of weights and activations may be another one where only one of both is quantized.
    """
    weights, activations = quantizes_weights(values), quantizes_activations(values)
    if not weights and not activations:
        return NO_QUANTIZER
    if values["quantizer"] == NO_QUANTIZER:
        asked = f"bits={values['bits']}" if weights else f"act_bits={values['act_bits']}"
        raise ConfigError(f"{asked} needs a quantizer: allowed are {allowed(parts_of(Quantizer))}")
    part = part_of(Quantizer, values["quantizer"])
    name = part.name if weights and activations else (part.activations_only, part.weights_only)[weights] or part.name
    for what, key, is_asked in (("weights", "bits", weights), ("activations", "act_bits", activations)):
        if is_asked and getattr(part_of(Quantizer, name), what) is None:
            others = allowed(other for other, q in parts_of(Quantizer).items() if getattr(q, what) is not None)
            raise ConfigError(
                f"{key}={values[key]} with quantizer={name}, which does not quantize {what}: "
                f"allowed is {key}={FULL_PRECISION}, or one of the quantizers {others}"
            )
    return name


def unread(values: Values, parts: list[Part]) -> dict[str, Any]:
    """The hyperparameters that none of `parts` reads, at their neutral values; raises `ConfigError`."""
    read = {own.name for part in parts for own in part.read_with(values)}
    others = {name: own.neutral for name, own in OF_PARTS.items() if name not in read}
    for name, neutral in others.items():
        if OF_PARTS[name].is_refused_unread and values[name] != neutral:
            raise ConfigError(_refusal(name, values))
    return others


def _refusal(name: str, values: Values) -> str:
    for part_class in PART_CLASSES:
        readers = [part.name for part in parts_of(part_class).values() if OF_PARTS[name] in part.reads]
        if readers:
            asked = f"{name}={values[name]} with {part_class.key}={values[part_class.key]}"
            return f"{asked}: only {allowed(readers)} have it; give {name}={OF_PARTS[name].neutral}"
    raise AssertionError(f"no part reads {name}")
