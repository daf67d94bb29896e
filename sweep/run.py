"""`python -m sweep.run` trains one run, `python -m sweep.run -m` a grid of them or a search. See README.md."""

import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sweep.commands.cli import run_command
from sweep.commands.given import TWIN_FIXED
from sweep.commands.plugins import CONF, register_plugins, with_default_launcher
from sweep.commands.sweeper import GridSweeper, single_run
from sweep.config.checks import ConfigError, allowed, did_you_mean
from sweep.config.grid import AXES, GROUPS
from sweep.config.run import RUN_FIELDS, SOURCE_KEYS
from sweep.config.settings import SETTING_KEYS
from sweep.config.transfer import TWIN
from sweep.search.options import SEARCH_KEYS
from sweep.search.sweeper import OptunaSweeper

CHOICES = (*GROUPS, "grid", "study")
KEYS = sorted({*AXES, *SETTING_KEYS, *SOURCE_KEYS, *CHOICES, TWIN})
SEARCH = "hydra/sweeper=optuna"


def check_keys(argv: list[str]) -> None:
    """Raises `ConfigError` on a misspelt key, which Hydra would report without saying what is allowed."""
    study = next((argument for argument in argv if argument.startswith("study=")), None)
    for choice in (SEARCH, study):
        if choice in argv and not {"-m", "--multirun"} & set(argv):
            raise ConfigError(f"{choice} needs -m: without it one run is trained")
    if SEARCH in argv and study:
        raise ConfigError(f"{study} with {SEARCH}: a study is a grid; take one of them")
    for argument in argv:
        key = argument.partition("=")[0].lstrip("+~")
        is_override = "=" in argument and not argument.startswith("-")
        if is_search_key(key):
            if SEARCH not in argv:
                raise ConfigError(f"{argument}: {key} belongs to an adaptive search: -m {SEARCH}")
        elif key.startswith(f"{TWIN}."):
            check_twin(argument)
        elif is_override and key not in KEYS and not key.startswith(("hydra.", "hydra/", "grid.")):
            groups = ", ".join(f"{group}=..." for group in CHOICES)
            raise ConfigError(
                f"{argument}: there is no such key{did_you_mean(key, KEYS)}. Config groups: {groups}. "
                f"Keys: {allowed(k for k in KEYS if k not in CHOICES)}. "
                f"With -m {SEARCH} also {allowed(SEARCH_KEYS)}"
            )


def check_twin(argument: str) -> None:
    """Raises `ConfigError` where `full_precision.KEY=VALUE` cannot be."""
    key, _, value = argument.removeprefix(f"{TWIN}.").partition("=")
    if key not in RUN_FIELDS or key in TWIN_FIXED:
        names = [name for name in RUN_FIELDS if name not in TWIN_FIXED]
        raise ConfigError(f"{argument}: {key} is no value of a full-precision run; allowed are {allowed(names)}")
    if "," in value and not value.startswith("["):
        raise ConfigError(f"{argument}: one value is needed, which all full-precision runs have")


def is_search_key(key: str) -> bool:
    return key.partition(".")[0] in SEARCH_KEYS


def full_key(argument: str) -> str:
    """Hydra has the keys of a search as those of its sweeper: `sampler=tpe` is `hydra.sweeper.sampler.name=tpe`.

    It also wants to be told that a key is new.
    """
    key, equals, value = argument.partition("=")
    if key.startswith(f"{TWIN}."):
        return f"++{argument}"
    if not equals or not is_search_key(key):
        return argument
    name = ".name" if key in ("sampler", "pruner") and not value.startswith("{") else ""
    return f"++hydra.sweeper.{key}{name}={value}"


@hydra.main(version_base="1.3", config_path=CONF, config_name="sweep")
def train_configured(config: DictConfig) -> None:
    """One run. (With -m, Hydra calls the sweeper instead.)"""
    single_run(config, HydraConfig.get(), train_configured)


def main() -> None:
    check_keys(sys.argv[1:])
    sys.argv[1:] = map(full_key, sys.argv[1:])
    sys.argv[1:] = with_default_launcher(sys.argv[1:])
    register_plugins(GridSweeper, OptunaSweeper)
    train_configured()


if __name__ == "__main__":
    run_command(main)
