"""Parts from outside this package: who names them, and how they are imported.

Entry points name what is installed; the environment variable QSWEEP_PARTS, or this command's own arguments, such as
`quantizer=my_package.my_quantizer`, name modules that can be imported. Workers inherit the variable.
"""

import importlib
import importlib.util
import os
import re
import sys
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from sweep.config.checks import ConfigError

VARIABLE = "QSWEEP_PARTS"  # dotted names of modules, with commas between
FOLDERS = "QSWEEP_PARTS_PATH"  # where their packages lie: workers look there last, wherever they start
KEYS = ("quantizer", "rule", "model", "dataset", "optimizer", "lr_decay", "measure", "table", "figure")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


@cache
def named() -> tuple[str, ...]:
    """Modules that the environment or this command's arguments name; puts them into the environment of workers."""
    folders = os.environ.get(FOLDERS, "").split(os.pathsep)
    sys.path += [folder for folder in folders if folder and folder not in sys.path]
    given = os.environ.get(VARIABLE, "").split(",")
    names = tuple(dict.fromkeys(n.strip() for n in (*given, *in_arguments(sys.argv[1:])) if n.strip()))
    if names:
        os.environ[VARIABLE] = ",".join(names)
        os.environ[FOLDERS] = os.pathsep.join(dict.fromkeys(f for name in names for f in _folders_of(name)))
    return names


def _folders_of(module: str) -> list[str]:
    """Where the package that holds `module` was found, as paths that mean the same in every working directory."""
    spec = importlib.util.find_spec(module.partition(".")[0])
    found = (spec and spec.submodule_search_locations) or []
    return [str(Path(package).resolve().parent) for package in found]


def in_arguments(arguments: list[str]) -> list[str]:
    """The dotted names of modules that are values of keys which name parts. A data set of the user's may have a dot."""
    pairs = (argument.lstrip("+").partition("=") for argument in arguments)
    named = ((key, name) for key, _, value in pairs if key in KEYS for name in _DOTTED.findall(value))
    return [name for key, name in named if key != "dataset" or importlib.util.find_spec(name.partition(".")[0])]


@cache
def _entry_points() -> Any:
    return entry_points()


def installed(group: str) -> frozenset[str]:
    """The modules that entry points of `group` name."""
    return frozenset(point.module for point in _entry_points().select(group=group))


def imported(module: str) -> ModuleType:
    """Raises `ConfigError` where it cannot be imported here."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ConfigError(
            f"{module}: it cannot be imported here ({error}). A description must not import what reads runs "
            f"(sweep.config.run): its code lies in a module beside it. A part from outside must be importable wherever "
            f"runs are planned or trained: install its package there, or put its folder on PYTHONPATH"
        ) from error


def hint(name: str) -> str:
    """What to do where `name`, which is no part that is known here, looks like one from outside."""
    if not _DOTTED.fullmatch(name):
        return ""
    return f". If {name} is a part from outside, install its package here, or name it in {VARIABLE}"
