"""A config class with a field for every hyperparameter: those that it writes, and those that parts declare."""

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, TypeVar

from sweep.config.checks import ConfigError
from sweep.config.parts import REQUIRED, Hyperparameter, Values

Class = TypeVar("Class")


def own(meaning: str, neutral: object = REQUIRED, **declared: Any) -> Any:
    """A field that belongs to no part; the arguments are those of `Hyperparameter`."""
    default = dataclasses.MISSING if neutral is REQUIRED else neutral
    return field(default=default, metadata={"meaning": meaning, "neutral": neutral, **declared})


def with_fields(of_parts: Mapping[str, Hyperparameter], whose: str) -> Callable[[type[Class]], type[Class]]:
    """Adds a field for each of `of_parts`; raises `ConfigError` where `whose` config, such as a run's, has it."""

    def added(config: type[Class]) -> type[Class]:
        for name, declared in of_parts.items():
            if name in config.__annotations__:
                raise ConfigError(f"{name}: a part declares it, and every {whose} has it: read it without declaring it")
            config.__annotations__[name] = declared.type
            setattr(config, name, field(default=declared.neutral))
        return config

    return added


def hyperparameters(config: Any, of_parts: Mapping[str, Hyperparameter]) -> Mapping[str, Hyperparameter]:
    """Returns the hyperparameters of the fields of `config`, by name, in their order."""
    return {
        each.name: of_parts.get(each.name) or Hyperparameter(each.name, each.type, **each.metadata)
        for each in dataclasses.fields(config)
    }


def left_out_of_ids(declared: Mapping[str, Hyperparameter]) -> dict[str, Any]:
    """The neutral values of what earlier rows do not have, by name."""
    return {n: each.neutral for n, each in declared.items() if each.neutral is not REQUIRED and not each.in_every_id}


def value_in(values: Values, declared: Hyperparameter) -> Any:
    """The value of `declared`, checked, or its neutral one; raises `ConfigError`."""
    if declared.name in values:
        return declared.check(values[declared.name])
    if declared.neutral is REQUIRED:
        raise ConfigError(f"{declared.name} needs a value: {declared.meaning}")
    return declared.neutral
