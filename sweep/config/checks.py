"""Checks of values that a user gives, and the error that says what is wrong with one."""

import difflib
import math
from collections.abc import Collection, Iterable, Mapping
from typing import cast


class ConfigError(ValueError):
    """A value that cannot be trained with; the message says what was given and what is allowed."""


def allowed(values: Iterable[object]) -> str:
    """Lists `values` for people; "none" where there is none."""
    return ", ".join(str(value) for value in values) or "none"


def did_you_mean(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else ""


def no_such_key(word: str, name: str, listed: Mapping[str, Iterable[str]], known: Collection[str] = ()) -> ConfigError:
    """The error of `word`, whose key `name` is none that there is.

    `listed` are those that there are, by what they are for; `known`, where these are more, all that may be meant.
    """
    listed = {purpose: list(names) for purpose, names in listed.items()}
    hint = did_you_mean(name, known or [name for names in listed.values() for name in names]) or "."
    lists = " ".join(f"{purpose}: {allowed(names)}." for purpose, names in listed.items())
    return ConfigError(f"{word}: there is no such key{hint} {lists}")


def bounds_in_words(is_whole: bool, low: float | None, high: float | None = None, low_open: bool = False) -> str:
    words = "a whole number" if is_whole else "a number"
    if low is not None and low != -math.inf:
        words += f" {'above' if low_open else 'from'} {low:g}" + (" up" if is_whole and high is None else "")
    return words + (f" to {high:.10g}" if high is not None else "")


def check_integer(name: str, value: object, low: float, high: float | None = None) -> int:
    is_number = not isinstance(value, bool) and isinstance(value, (int, float))
    number = cast("float", value)
    is_whole = is_number and math.isfinite(number) and number == int(number)
    if not is_whole or number < low or (high is not None and number > high):
        raise ConfigError(f"{name}={value}: allowed is {bounds_in_words(True, low, high)}")
    return int(number)


def check_number(name: str, value: object, low: float, low_open: bool = False, high: float | None = None) -> float:
    try:
        number = float(value)  # type: ignore[arg-type]  # YAML reads 1e-4 as a string
    except (TypeError, ValueError):
        number = math.nan
    is_outside = number < low or (low_open and number == low) or (high is not None and number > high)
    if isinstance(value, bool) or not math.isfinite(number) or is_outside:
        raise ConfigError(f"{name}={value}: allowed is {bounds_in_words(False, low, high, low_open)}")
    return number


def check_choice(name: str, value: object, choices: tuple[str, ...], otherwise: str = "") -> str:
    """Returns `value` as text; raises `ConfigError`, whose message `otherwise` ends, where it is none of `choices`."""
    if str(value) not in choices:
        meant = did_you_mean(str(value), choices)
        raise ConfigError(f"{name}={value}: allowed are {allowed(choices)}{meant}{otherwise}")
    return str(value)


def check_boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"{name}={value}: allowed are true, false")
    return value
