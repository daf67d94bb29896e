"""The rooms of the house and the one direction of imports between them: docs/architecture.md."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from sweep import PROJECT
from sweep.__main__ import COMMANDS as NAMES

# From left to right; a module imports only from its own room or from rooms to its left.
ROOMS = (
    "sweep",
    "sweep.terminal",
    "sweep.config",
    "sweep.results",
    "sweep.plan",
    "sweep.data",
    "sweep.models",
    "sweep.quantizers",
    "sweep.training",
    "sweep.measures",
    "sweep.distortions",
    "sweep.worker",
    "launchers",
    "sweep.commands",
    "sweep.search",
    "sweep.tables",
    "sweep.figures",
    "sweep.report",
)
COMMANDS = len(ROOMS)  # the files that lie flat in sweep/
SOURCES = sorted(path for package in ("sweep", "launchers") for path in (PROJECT / package).rglob("*.py"))


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path) for path in SOURCES}


def room(module: str) -> int:
    parts = module.split(".")
    name = parts[0] if parts[0] == "launchers" else ".".join(parts[:2])
    if name in ROOMS:
        return ROOMS.index(name)
    assert len(parts) == 2, f"{name} has no place in the order of rooms: give it one above"
    return COMMANDS


def imported(path: Path) -> Iterator[str]:
    """Modules of ours that `path` imports, anywhere in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom) and node.module in MODULES:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES
            yield from inner or {node.module}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_go_one_way(path: Path) -> None:
    module = module_of(path)
    for name in imported(path):
        assert room(name) <= room(module), f"{module} imports {name}, which is to its right"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_import_is_relative(path: Path) -> None:
    relative = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom) and n.level]
    assert not relative, "the order of rooms is read from whole names"


TESTS = sorted(path for folder in ("tests", "benchmarks") for path in (PROJECT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_no_module_of_tests_is_a_library(path: Path) -> None:
    """What tests share lies in a module that holds no test, of its own name."""
    words = {word for node in ast.walk(ast.parse(path.read_text())) for word in named_in(node)}
    libraries = {word for word in words if word.startswith("tests.") and ".test_" in word}
    assert not libraries, "move what is shared out of the module of tests"


def named_in(node: ast.AST) -> Iterator[str]:
    """Modules that a statement imports, and words of texts, which may be programs that do."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield from node.value.split()


def test_every_room_exists() -> None:
    assert {name for name in ROOMS if name not in MODULES} == set()


def test_only_commands_lie_flat() -> None:
    flat = {name.removeprefix("sweep.") for name in MODULES if name.count(".") == 1 and name.startswith("sweep.")}
    rooms = {name.removeprefix("sweep.") for name in ROOMS}
    assert flat - rooms == {*NAMES, "__main__"} - rooms, "what no command of its own needs lies in a room"


def test_no_modules_import_each_other() -> None:
    """Not in a circle either; graphlib names the circle."""
    assert set(TopologicalSorter({module_of(path): [*imported(path)] for path in SOURCES}).static_order()) == MODULES
