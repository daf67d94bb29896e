"""`python -m sweep.run` trains one run, `python -m sweep.run -m` a grid of them or a search. See README.md."""

import sys
from collections.abc import Sequence

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from sweep.commands.arguments import Argument, Key, Section, text
from sweep.commands.composed import MULTIRUN, ComposedCommand
from sweep.commands.defaults import check_parts
from sweep.commands.keys import HYDRA, IMAGES, RUN_KEYS, SETTINGS, TRAINING_SETTINGS
from sweep.commands.sweeper import GridSweeper, single_run
from sweep.commands.weight_names import TWIN_FIXED
from sweep.config.checks import ConfigError
from sweep.config.grid import AXES, GROUPS
from sweep.config.transfer import TWIN
from sweep.search.options import SEARCH_KEYS
from sweep.search.sweeper import OptunaSweeper

SEARCH = "hydra/sweeper=optuna"


def _for_twins(argument: Argument) -> str:
    """Hydra wants to be told that a key is new."""
    if "," in argument.value and not argument.value.startswith("["):
        raise ConfigError(f"{argument.word}: one value is needed, which all full-precision runs have")
    return f"++{argument.word}"


def _for_sweeper(argument: Argument) -> str:
    """Hydra has the keys of a search as those of its sweeper: `sampler=tpe` is `hydra.sweeper.sampler.name=tpe`."""
    has_name = argument.key in ("sampler", "pruner") and not argument.value.startswith("{")
    return f"++hydra.sweeper.{argument.key}{'.name' if has_name else ''}={argument.value}"


_DOCS = {key.name: key for key in RUN_KEYS}
CHOICES = Section(
    "Config groups, files of conf/",
    (
        *(Key(name, _DOCS[name].meaning if name in _DOCS else "how lr goes on", text) for name in GROUPS),
        Key("grid", "the axes; grid.axes.KEY is one of them", text, takes_more=True),
        Key("study", "a grid that reproduces a published table", text),
    ),
)
HYPERPARAMETERS = Section(
    "Hyperparameters; with -m, several values are an axis",
    (
        *(key for key in RUN_KEYS if key.name in AXES and key.name not in GROUPS),
        Key(TWIN, "values in which the runs of initial_weights=full_precision and teacher=full_precision differ", text),
    ),
)
TWINS = Section(
    "Values of full-precision runs",
    tuple(Key(f"{TWIN}.{key.name}", key.meaning, text) for key in RUN_KEYS if key.name not in TWIN_FIXED),
    _for_twins,
)
SEARCHES = Section(f"Of an adaptive search, with -m {SEARCH}", SEARCH_KEYS, _for_sweeper)
SECTIONS = (CHOICES, HYPERPARAMETERS, TWINS, Section("Images", IMAGES), SETTINGS, TRAINING_SETTINGS, SEARCHES, HYDRA)
COMMAND = ComposedCommand("sweep.run", __doc__, SECTIONS, "sweep", (GridSweeper, OptunaSweeper))


def check_together(words: Sequence[str]) -> None:
    """Raises `ConfigError` where arguments need or exclude one another."""
    study = next((word for word in words if word.startswith("study=")), None)
    for choice in (SEARCH, study):
        if choice in words and not MULTIRUN & set(words):
            raise ConfigError(f"{choice} needs -m: without it one run is trained")
    if SEARCH in words and study:
        raise ConfigError(f"{study} with {SEARCH}: a study is a grid; take one of them")
    for argument in map(Argument, words):
        is_of_search = argument.gives_value and any(key.is_called(argument.key) for key in SEARCH_KEYS)
        if is_of_search and SEARCH not in words:
            raise ConfigError(f"{argument.word}: {argument.key} belongs to an adaptive search: -m {SEARCH}")


def train_configured(config: DictConfig) -> None:
    """One run. (With -m, Hydra calls the sweeper instead.)"""
    single_run(config, HydraConfig.get(), train_configured)


def main() -> None:
    check_together(sys.argv[1:])
    check_parts(sys.argv[1:])
    COMMAND.run(sys.argv[1:], train_configured)


if __name__ == "__main__":
    main()
