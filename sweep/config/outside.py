"""Parts from outside this package: who names them, and how they are imported.

Entry points name what is installed; the environment variable QSWEEP_PARTS, or this command's own arguments, such as
`quantizer=my_package.my_quantizer`, name modules that can be imported. Workers inherit the variable.
"""

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from pathlib import Path
from types import FrameType, ModuleType
from typing import Any

from sweep.config.checks import ConfigError, allowed

VARIABLE = "QSWEEP_PARTS"  # dotted names of modules, with commas between
FOLDERS = "QSWEEP_PARTS_PATH"  # where their packages lie: workers look there last, wherever they start
GROUPS = "qsweep."  # how groups of entry points begin
KEYS = ("quantizer", "rule", "model", "dataset", "optimizer", "lr_decay", "measure", "table", "figure")
_OURS = Path(__file__).parent.parent
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")


@cache
def asked_for() -> tuple[str, ...]:
    """Modules that the environment or this command's arguments name; puts them into the environment of workers."""
    folders = os.environ.get(FOLDERS, "").split(os.pathsep)
    sys.path += [folder for folder in folders if folder and folder not in sys.path]
    inherited = os.environ.get(VARIABLE, "").split(",")
    names = tuple(dict.fromkeys(n.strip() for n in (*inherited, *in_arguments(sys.argv[1:])) if n.strip()))
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
    """The modules that are values of keys which name parts, and can be found here.

    A data set of the user's may have a dot too, and so may one of rows whose part is not installed any more.
    """
    return [name for _, name in dotted(arguments) if is_found(name)]


def dotted(arguments: Sequence[str]) -> list[tuple[str, str]]:
    """The keys that name parts, with the dotted names among their values."""
    pairs = (argument.lstrip("+").partition("=") for argument in arguments)
    return [(key, name) for key, _, value in pairs if key in KEYS for name in _DOTTED.findall(value)]


def is_found(module: str) -> bool:
    """Tells whether there is a module of that name to import."""
    return spec_of(module) is not None


@cache
def spec_of(module: str) -> ModuleSpec | None:
    """Returns where `module` would be imported from, None where there is none; imports nothing."""
    package, *inner = module.split(".")
    spec = importlib.util.find_spec(package)
    for name in inner:
        if spec is None or spec.submodule_search_locations is None:
            return None
        package = f"{package}.{name}"
        spec = PathFinder.find_spec(package, spec.submodule_search_locations)
    return spec


@cache
def _entry_points() -> Any:  # of two types, in different versions of Python
    return entry_points()


def installed(group: str) -> frozenset[str]:
    """The modules that entry points of `group` name."""
    return frozenset(point.module for point in _entry_points().select(group=group))


def packages() -> dict[str, list[Path]]:
    """The packages, or single files, that parts from outside lie in, by name: the folders or the file of each."""
    groups = [group for group in _entry_points().groups if group.startswith(GROUPS)]
    modules = {*asked_for(), *(module for group in groups for module in installed(group))}
    return {name: _places(name) for name in sorted({module.partition(".")[0] for module in modules})}


def _places(package: str) -> list[Path]:
    spec = spec_of(package)
    if spec is None:
        return []
    return [Path(place) for place in spec.submodule_search_locations or [str(spec.origin)]]


def imported(module: str) -> ModuleType:
    """The module, which must not import torch; raises `ConfigError`, which says where it fails, where it does."""
    if not is_found(module):
        raise not_found(module, _named_by(module))
    with _torch_watched(module):
        try:
            return importlib.import_module(module)
        except Exception as error:
            raise ConfigError(
                f"{module}: its description cannot be imported: {in_a_line(error)}. {_way(error)}"
            ) from error


def _way(error: Exception) -> str:
    """What to do about an `error` of a description."""
    if not isinstance(error, ImportError):
        return "docs/parts.md says what a description gives"
    return (
        "A description may import sweep.config.part_classes, sweep.config.parts and the like, and not what reads runs "
        "(sweep.config.run) or torch: its code does, in a module beside it (docs/parts.md)"
    )


def not_found(module: str, named_by: str) -> ConfigError:
    """The error of a module that is not there, as `named_by` says."""
    around = module.rpartition(".")[0]
    package = spec_of(around) if around else None
    names = [info.name for info in pkgutil.iter_modules(package.submodule_search_locations)] if package else []
    there = f" {around} has {allowed(names)}." if package else ""
    return ConfigError(
        f"{named_by}: there is no module {module} here.{there} A part from outside must be importable wherever runs "
        f"are planned or trained: install its package there, or put its folder on PYTHONPATH"
    )


def _named_by(module: str) -> str:
    """Who says that `module` is a part."""
    for group in sorted(name for name in _entry_points().groups if name.startswith(GROUPS)):
        for point in _entry_points().select(group=group):
            if point.module == module:
                return f"entry point {point.name} = {point.value} of {point.dist.name} {point.dist.version} in {group}"
    return f"{VARIABLE}={os.environ.get(VARIABLE, '')}"


def in_a_line(error: Exception) -> str:
    """Says what `error` is, and in which file and line: of code of the user's, where it came through that."""
    if isinstance(error, SyntaxError):
        return f"SyntaxError: {error.msg} ({error.filename}:{error.lineno})"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]  # frozen, or made
    theirs = [frame for frame in frames if not frame.filename.startswith(str(_OURS))]
    last = f"{type(error).__name__}: {error}".strip().splitlines()[-1]
    return "".join([last, *(f" ({frame.filename}:{frame.lineno})" for frame in (theirs or frames)[-1:])])


@contextmanager
def _torch_watched(module: str) -> Iterator[None]:
    """Raises `ConfigError` where torch is imported meanwhile, which takes seconds whenever anything is planned."""
    watch = _Watch(module.partition(".")[0])
    sys.meta_path.insert(0, watch)
    try:
        yield
    finally:
        sys.meta_path.remove(watch)
    if watch.where:
        raise ConfigError(
            f"{module}: its description imports torch ({watch.where}), which takes seconds whenever anything is "
            f"planned: import it in its code, in a module beside it, or inside functions (docs/parts.md)"
        )


class _Watch(MetaPathFinder):
    """Finds nothing, and notes which line of `package` had torch imported."""

    def __init__(self, package: str) -> None:
        self.where = ""
        self._package = package

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> None:
        if fullname == "torch":
            lines = [(f.f_code.co_filename, number) for f, number in traceback.walk_stack(None) if self._is_theirs(f)]
            self.where = "{}:{}".format(*lines[0]) if lines else "through another package"

    def _is_theirs(self, frame: FrameType) -> bool:
        return str(frame.f_globals.get("__name__", "")).partition(".")[0] == self._package


def is_dotted(name: str) -> bool:
    """Tells whether `name` is of the form a.b, as parts from outside have it."""
    return _DOTTED.fullmatch(name) is not None


def hint(name: str) -> str:
    """Says what to do where `name`, which is no part that is known here, looks like one from outside."""
    if not is_dotted(name):
        return ""
    return f". If {name} is a part from outside, install its package here, or name it in {VARIABLE}"
