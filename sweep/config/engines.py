"""The engines that train runs, and which of them trains a given one."""

from collections.abc import Mapping
from types import MappingProxyType

from sweep.config.run import RunConfig, can_join_array

# The module of each. They are imported by name: the code of a run is that of its own engine.
ENGINES: Mapping[str, str] = MappingProxyType({"plain": "sweep.training.plain", "array": "sweep.training.array.engine"})


def engine_for(run: RunConfig, wanted: str) -> str:
    """`wanted`, or the plain engine where `run` cannot join an array."""
    return wanted if can_join_array(run) else "plain"
