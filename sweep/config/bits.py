"""Bits per weight and per activation."""

from collections.abc import Mapping
from typing import Any

from sweep.config.checks import ConfigError

FULL_PRECISION = 32


def check_bits(name: str, value: object) -> int:
    if isinstance(value, bool) or value not in (*range(2, 9), FULL_PRECISION):
        raise ConfigError(
            f"{name}={value}: allowed are 2 to 8 (a signed b-bit weight has 2^b levels, and at 1 bit none is "
            f"above zero), and {FULL_PRECISION} for full precision"
        )
    return int(value)  # type: ignore[call-overload, no-any-return]


def quantizes_weights(values: Mapping[str, Any]) -> bool:
    return bool(values["bits"] != FULL_PRECISION)


def quantizes_activations(values: Mapping[str, Any]) -> bool:
    return bool(values["act_bits"] != FULL_PRECISION)
