"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys

import hydra
from omegaconf import DictConfig

from sweep.checks import ConfigError, allowed, did_you_mean
from sweep.cli import run_command
from sweep.config import RUN_FIELDS
from sweep.measures.config import MEASURE_FIELDS
from sweep.measuring import SELECTORS, TRAINING_KEYS, MeasureSweeper
from sweep.plugins import CONF, register_plugins, with_default_launcher
from sweep.settings import SETTING_KEYS

OPTIONS = tuple(f"measure.{name}" for name in MEASURE_FIELDS)
SETTINGS = tuple(name for name in SETTING_KEYS if name not in TRAINING_KEYS)
KEYS = (*SELECTORS, *OPTIONS, *SETTINGS, "data_dir", "data_source", "label_column")


def hydra_argument(argument: str) -> str:
    """Values that select runs are texts to Hydra, not axes: `bits=2,4` is `+select.bits='2,4'`.

    Raises `ConfigError` on a key that is not known.
    """
    key, equals, value = argument.partition("=")
    if argument.startswith("-") or not equals or key.startswith(("hydra.", "hydra/")):
        return argument
    if key not in KEYS:
        raise ConfigError(
            f"{argument}: there is no such key{did_you_mean(key, KEYS)}. Which runs: {allowed(('run_id', 'sweep'))} or "
            f"any of {allowed(RUN_FIELDS)}. How they are measured: {allowed(OPTIONS)}. Settings: "
            f"{allowed((*SETTINGS, 'data_dir', 'data_source', 'label_column'))}"
        )
    return f"+select.{key}='{value}'" if key in SELECTORS else argument


@hydra.main(version_base="1.3", config_path=CONF, config_name="measure")
def measure_configured(config: DictConfig) -> None:
    """Never called: with -m, Hydra calls the sweeper instead."""


def main() -> None:
    arguments = [hydra_argument(argument) for argument in sys.argv[1:]]
    multirun = [] if {"-m", "--multirun"} & set(arguments) else ["-m"]  # there is always a selection
    sys.argv[1:] = with_default_launcher([*multirun, *arguments])
    register_plugins(MeasureSweeper)
    measure_configured()


if __name__ == "__main__":
    run_command(main)
