"""A command on trained runs: which ones, by values and ids, and with which options of its own."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import hydra
from omegaconf import DictConfig

from sweep.commands.plugins import CONF, register_plugins, with_default_launcher
from sweep.commands.sweeper import PlanSweeper
from sweep.commands.trained import SELECTORS, TRAINING_KEYS
from sweep.config.checks import ConfigError, allowed, did_you_mean
from sweep.config.run import RUN_FIELDS
from sweep.config.settings import SETTING_KEYS

SOURCE = ("data_dir", "data_source", "label_column", "image_size")
SETTINGS = (*(name for name in SETTING_KEYS if name not in TRAINING_KEYS), *SOURCE)


@dataclass(frozen=True)
class Command:
    """`conf/<config_name>.yaml` has the defaults of `options`."""

    config_name: str
    sweeper: type[PlanSweeper]
    options: tuple[str, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return (*SELECTORS, *self.options, *SETTINGS)

    def hydra_argument(self, argument: str) -> str:
        """Values that select runs are texts to Hydra, not axes: `bits=2,4` is `+select.bits='2,4'`.

        Raises `ConfigError` on a key that is not known.
        """
        key, equals, value = argument.partition("=")
        if argument.startswith("-") or not equals or key.startswith(("hydra.", "hydra/")):
            return argument
        if key not in self.keys:
            raise ConfigError(
                f"{argument}: there is no such key{did_you_mean(key, self.keys)}. Which runs: "
                f"{allowed(('run_id', 'sweep'))} or any of {allowed(RUN_FIELDS)}. Options: {allowed(self.options)}. "
                f"Settings: {allowed(SETTINGS)}"
            )
        return f"+select.{key}='{value}'" if key in SELECTORS else argument

    def run(self, given: Sequence[str]) -> None:
        """With the arguments of the command line."""
        arguments = [self.hydra_argument(argument) for argument in given]
        multirun = [] if {"-m", "--multirun"} & set(arguments) else ["-m"]  # there is always a selection
        sys.argv[1:] = with_default_launcher([*multirun, *arguments])
        register_plugins(self.sweeper)
        hydra.main(version_base="1.3", config_path=CONF, config_name=self.config_name)(_configured)()


def _configured(config: DictConfig) -> None:
    """Never called: with -m, Hydra calls the sweeper instead."""
