"""The engines that train runs, and which of them trains a given one."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig, can_join_array
from sweep.config.settings import Settings

# The module of each. They are imported by name: the code of a run is that of its own engine.
ENGINES: Mapping[str, str] = MappingProxyType({"plain": "sweep.training.plain", "array": "sweep.training.array.engine"})


def resolved_for(device: Literal["cpu", "cuda"], settings: Settings) -> Settings:
    """Returns `settings` for workers on `device`, with the engine that `auto` stands for there.

    Raises `ConfigError` where that engine cannot do what `settings` ask.
    """
    engine = settings.engine
    if engine == "auto":
        engine = "array" if device == "cuda" and settings.processes_per_run == 1 else "plain"
    if engine == "array" and settings.processes_per_run > 1:
        raise ConfigError(
            f"engine=array with processes_per_run={settings.processes_per_run}: an array trains in one process; "
            f"take engine=plain, or processes_per_run=1"
        )
    return dataclasses.replace(settings, device=device, engine=engine)


def engine_for(run: RunConfig, wanted: str) -> str:
    """Returns `wanted`, or the plain engine where `run` cannot join an array."""
    return wanted if can_join_array(run) else "plain"
