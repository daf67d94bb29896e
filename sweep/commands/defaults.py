"""What Hydra is told of parts beside conf/: their neutral values, and a choice for each that has no file there."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

from sweep import PROJECT
from sweep.config import outside
from sweep.config.chosen import PART_CLASSES
from sweep.config.datasets import DataSet
from sweep.config.grid import AXES, GROUPS
from sweep.config.measures import Measure
from sweep.config.measuring import MeasureConfig, values_of
from sweep.config.parts import REQUIRED, Part, part_of, parts_of
from sweep.config.run import HYPERPARAMETERS

CONF = PROJECT / "conf"
_ALL_CLASSES: tuple[type[Part], ...] = (*PART_CLASSES, DataSet, Measure)
CHOSEN_BY_GROUP = tuple(part_class for part_class in _ALL_CLASSES if part_class.key in GROUPS)


def register_defaults() -> None:
    """Makes conf/sweep.yaml complete: `neutral`, and in the config groups all parts that are known here."""
    store = ConfigStore.instance()
    needed = {name: MISSING for name, own in HYPERPARAMETERS.items() if own.neutral is REQUIRED and name in AXES}
    store.store("neutral", needed | neutral_values())
    store.store("measure_settings", {Measure.key: values_of(MeasureConfig())})
    for part_class in CHOSEN_BY_GROUP:
        for part in parts_of(part_class).values():
            if not (CONF / part_class.key / f"{part.name}.yaml").exists():
                store.store(part.name, defaults_of(part), group=part_class.key, package="_global_")


def neutral_values() -> dict[str, Any]:
    """Returns the value, by key, of every key that no file of conf/ gives one."""
    return {name: own.neutral for name, own in HYPERPARAMETERS.items() if own.neutral is not REQUIRED}


def check_parts(words: Sequence[str]) -> None:
    """Raises `ConfigError` where an argument names a part from outside that is not there, or is of another class."""
    for key, name in outside.dotted(words):
        check_part(key, name)


def check_part(key: str, name: str) -> None:
    """Raises `ConfigError` where the value of `key` is the dotted name of no part of that class.

    A data set of the user's may have a dot in its name, too.
    """
    part_class = next((each for each in _ALL_CLASSES if each.key == key), None)
    if not part_class or not outside.is_dotted(name):
        return
    if outside.is_found(name):
        part_of(part_class, name)
    elif part_class is not DataSet:
        raise outside.not_found(name, f"{key}={name}")


def defaults_of(part: Part) -> dict[str, Any]:
    """Reads those in the yaml beside a part from outside: defaults.yaml in its folder, or NAME.yaml beside its file."""
    path = Path(part.load_description().__file__ or "")
    beside = path.with_name("defaults.yaml") if path.name == "__init__.py" else path.with_suffix(".yaml")
    overrides: Any = OmegaConf.to_container(OmegaConf.load(beside)) if beside.exists() else {}
    return {**part.defaults(), **overrides}
