"""Checks of values that a user gives, and the error that says what is wrong with one."""

import difflib
import math
from collections.abc import Collection, Iterable


class ConfigError(ValueError):
    """A value that cannot be trained with; the message says what was given and what is allowed."""


def allowed(values: Iterable[object]) -> str:
    return ", ".join(str(value) for value in values)


def did_you_mean(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def check_integer(name: str, value: object, low: int, high: int | None = None) -> int:
    bounds = f"a whole number from {low}" + (f" to {high}" if high is not None else " up")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != int(value):
        raise ConfigError(f"{name}={value}: allowed is {bounds}")
    if value < low or (high is not None and value > high):
        raise ConfigError(f"{name}={value}: allowed is {bounds}")
    return int(value)


def check_number(name: str, value: object, low: float, low_open: bool = False) -> float:
    bounds = f"a number {'above' if low_open else 'from'} {low:g}"
    try:
        number = float(value)  # type: ignore[arg-type]  # YAML reads 1e-4 as a string
    except (TypeError, ValueError):
        raise ConfigError(f"{name}={value}: allowed is {bounds}") from None
    if isinstance(value, bool) or not math.isfinite(number) or number < low or (low_open and number == low):
        raise ConfigError(f"{name}={value}: allowed is {bounds}")
    return number


def check_choice(name: str, value: object, choices: tuple[str, ...]) -> str:
    if str(value) not in choices:
        raise ConfigError(f"{name}={value}: allowed are {allowed(choices)}{did_you_mean(str(value), choices)}")
    return str(value)


def check_boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={value}: allowed are true, false")
    return value
