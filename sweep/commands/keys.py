"""The keys that several commands take, and the selection of runs that some of them make."""

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from launchers.slurm.parameters import BY_NAME, PARAMETERS, PREFIX, for_hydra
from sweep.commands.arguments import Argument, Arguments, Key, Section, text
from sweep.config.measuring import KEY_OF, MEASURE_SETTINGS
from sweep.config.run import HYPERPARAMETERS, SOURCE_KEYS
from sweep.config.settings import SETTING_FIELDS
from sweep.config.work import Kind
from sweep.results.select import Selection, make_selection


def path(name: str, value: str) -> Path:
    return Path(value)


def declared(fields: Iterable["dataclasses.Field[Any]"]) -> tuple[Key[str], ...]:
    """Fields of a config class as keys, by the sentence that each has."""
    return tuple(Key(field.name, field.metadata["doc"], text) for field in fields)


def _select(argument: Argument) -> str:
    """To Hydra, values that select runs are texts, not axes: `bits=2,4` is `+select.bits='2,4'`."""
    quoted = argument.value.replace("'", "\\'")
    return f"+select.{argument.key}='{quoted}'"


RESULTS_DIR = Key("results_dir", "directory of rows, plans and logs", path, "results")
SWEEP = Key("sweep", "id of one sweep of the directory; left out: all", text)
RUN_ID = Key("run_id", "ids of runs, or their first characters, separated by commas", text)
RUN_KEYS = tuple(Key(own.name, own.meaning, text, unit=own.unit) for own in HYPERPARAMETERS.values())
MEASURE_KEYS = tuple(
    Key(key, own.meaning, text, unit=own.unit)
    for key, own in zip(KEY_OF.values(), MEASURE_SETTINGS.values(), strict=True)
)

SELECTION = Section("Which runs (several values of a key: bits=2,4)", (RUN_ID, SWEEP, *RUN_KEYS), _select)
MEASUREMENTS = Section("Which measurements", MEASURE_KEYS)
DISTORTIONS = Section(
    "Which corrupted images",
    (
        Key("corruption", "names of corruptions", text),
        Key("severity", "1 to 5", text),
        Key("corruption_seed", "of the corruption's noise", text),
        Key("corruption_source", "generated, cifar-c or imagenet-c", text),
    ),
)
SETTINGS = Section("Settings", declared(f for f in SETTING_FIELDS if not f.metadata["of_training"]))
TRAINING_SETTINGS = Section("Settings of training", declared(f for f in SETTING_FIELDS if f.metadata["of_training"]))
IMAGES = tuple(Key(name, meaning, text) for name, meaning in SOURCE_KEYS.items())
TRAINED_IMAGES = Section("Images, as in training", tuple(key for key in IMAGES if key.name != "dataset_name"))


def _for_launcher(argument: Argument) -> str:
    """Says a parameter of the SLURM launcher in Hydra's language; a launcher from outside may have others."""
    name = argument.key.removeprefix(PREFIX)
    return for_hydra(name, argument.word) if name in BY_NAME else argument.word


LAUNCHER = Key("hydra/launcher", "where: docs/slurm.md", text, "slurm where it answers, else local")
OTHERS = Key("hydra", "any other key of Hydra", text, takes_more=True)
HYDRA = Section(
    "How work is launched; hydra.launcher.KEY is for SLURM",
    (
        LAUNCHER,
        *(Key(own.key, own.meaning, text, own.default, takes_more=own.name == "extra") for own in PARAMETERS),
        OTHERS,
    ),
    _for_launcher,
)


# What narrows the rows that a kind of work left.
NARROWING: dict[Kind, Section] = {"measure": MEASUREMENTS, "distort": DISTORTIONS}


def narrowing(arguments: Arguments, kind: Kind) -> dict[str, str]:
    """The values that narrow what work of `kind` left, none for training."""
    return arguments.of(NARROWING[kind]) if kind in NARROWING else {}


def selection_of(arguments: Arguments) -> Selection:
    """The runs that a command line selects."""
    return make_selection(arguments.of(SELECTION))
