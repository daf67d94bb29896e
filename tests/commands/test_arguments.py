"""The one language of command lines: what is declared, what is refused, what is shown, what is said to Hydra."""

import ast
import importlib
import re
import shlex
from pathlib import Path

import pytest

from sweep import PROJECT, distort, measure, run
from sweep.__main__ import COMMANDS as NAMES
from sweep.commands.arguments import Argument, Command, Key, Section, text
from sweep.commands.keys import RESULTS_DIR, SELECTION, selection_of
from sweep.config.checks import ConfigError
from sweep.config.run import RUN_FIELDS
from sweep.results.select import Selection
from sweep.terminal import shell_command


def command_of(name: str) -> Command:
    is_room = (PROJECT / "sweep" / name).is_dir()
    command: Command = importlib.import_module(f"sweep.{name}{'.__main__' if is_room else ''}").COMMAND
    assert command.module == f"sweep.{name}"
    return command


COMMANDS = {f"sweep.{name}": command_of(name) for name in NAMES}
SIZE = Key("size", "of it", lambda name, given: int(given), "3", unit="px")
SHAPE = Key("shape", "of it", text, "round", choices=("round", "square"))
TINY = Command("sweep.tiny", "Draws.", (Section("Options", (RESULTS_DIR, SIZE, SHAPE)), SELECTION))


def test_values_are_read_and_have_defaults() -> None:
    arguments = TINY.parse(["size=4", "results_dir=a b", "bits=2,4", "run_id=ab,cd", "lr="])
    assert (arguments[SIZE], arguments[SHAPE], arguments[RESULTS_DIR]) == (4, "round", Path("a b"))
    assert selection_of(arguments) == Selection("", ("ab", "cd"), {"bits": "2,4"})
    assert shlex.split(arguments.shell_command())[3:] == ["size=4", "results_dir=a b", "bits=2,4", "run_id=ab,cd"]


@pytest.mark.parametrize("name", sorted(set(COMMANDS)))
def test_every_command_says_alike_that_there_is_no_such_key(name: str) -> None:
    command = COMMANDS[name]
    key = "bits" if "bits" in command.keys else "results_dir"
    with pytest.raises(ConfigError, match=f"^{key}z=1: there is no such key; did you mean {key}[?] [A-Z].*: "):
        command.section_of(Argument(f"{key}z=1"))


PLAIN = sorted(set(COMMANDS) - {"sweep.run", "sweep.measure", "sweep.distort"})


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["results_dir=a", "results_dir=b"], "results_dir=b: results_dir was given before, as a; give it once"),
        (["results_dir"], "results_dir: KEY=VALUE is needed"),
        (["--results_dir=a"], "--results_dir=a: there is no such key"),
        (["+results_dir=a"], "[+]results_dir=a: KEY=VALUE is needed"),
    ],
)
def test_what_plain_commands_refuse(name: str, words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        COMMANDS[name].parse(words)


@pytest.mark.parametrize("name", sorted(COMMANDS))
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_help_has_every_key_with_its_meaning(name: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = COMMANDS[name]
    with pytest.raises(SystemExit) as ended:
        command.help_if_asked(["-m", flag])
    page = capsys.readouterr().out
    assert ended.value.code is None and page.startswith(f"python -m {name} KEY=VALUE ...\n\n")
    for key in command.keys.values():
        assert key.meaning and f"  {key.name} " in page and key.help() in page


def test_help_of_a_key() -> None:
    assert SIZE.help() == "of it (in px; default 3)"
    assert SHAPE.help() == "of it (one of round, square; default round)"


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_key_is_declared_once(name: str) -> None:
    declared = [key.name for section in COMMANDS[name].sections for key in section.keys]
    assert len(declared) == len(set(declared))


@pytest.mark.parametrize("name", ["tables", "figures", "report", "best", "measure", "distort"])
def test_runs_are_selected_alike(name: str) -> None:
    assert SELECTION in COMMANDS[f"sweep.{name}"].sections
    assert [key.name for key in SELECTION.keys] == ["run_id", "sweep", *RUN_FIELDS]


@pytest.mark.parametrize(
    ("command", "word", "hydras"),
    [
        (run.COMMAND, "bits=2,4", "bits=2,4"),
        (run.COMMAND, "~grid.axes.lr", "~grid.axes.lr"),
        (run.COMMAND, "+grid.axes.lr=[1]", "+grid.axes.lr=[1]"),
        (run.COMMAND, "hydra.launcher.partition=gpu", "hydra.launcher.partition=gpu"),
        (run.COMMAND, "full_precision.lr=0.5", "++full_precision.lr=0.5"),
        (run.COMMAND, "n_trials=3", "++hydra.sweeper.n_trials=3"),
        (run.COMMAND, "sampler=tpe", "++hydra.sweeper.sampler.name=tpe"),
        (run.COMMAND, "sampler={name:tpe}", "++hydra.sweeper.sampler={name:tpe}"),
        (run.COMMAND, "pruner.n_min_trials=2", "++hydra.sweeper.pruner.n_min_trials=2"),
        (measure.COMMAND, "run_id=a,b", "+select.run_id='a,b'"),
        (measure.COMMAND, "measure.seed=0,1", "measure.seed=0,1"),
        (distort.COMMAND, "dataset=it's", "+select.dataset='it\\'s'"),
        (distort.COMMAND, "severity=1", "severity=1"),
    ],
)
def test_what_hydra_is_told(command: run.ComposedCommand, word: str, hydras: str) -> None:
    assert command.for_hydra([word]) == [hydras]


@pytest.mark.parametrize(
    ("command", "word"),
    [
        (run.COMMAND, "data_sha256=x"),
        (run.COMMAND, "gridaxes=1"),
        (run.COMMAND, "full_precision.bits=2"),
        (measure.COMMAND, "engine=array"),
        (measure.COMMAND, "kernels=triton"),
        (distort.COMMAND, "dataset_name=x"),
    ],
)
def test_what_a_command_does_not_read_is_no_key_of_it(command: run.ComposedCommand, word: str) -> None:
    with pytest.raises(ConfigError, match=f"{word}: there is no such key"):
        command.for_hydra([word])


def shell_commands() -> list[tuple[str, set[str]]]:
    """Every call of `shell_command` in the code that names its module: that, and the keys it gives."""
    found = []
    for path in sorted(p for package in ("sweep", "launchers") for p in (PROJECT / package).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "shell_command":
                module = node.args[0]
                if isinstance(module, ast.Constant):
                    found.append((str(module.value), {keyword.arg for keyword in node.keywords if keyword.arg}))
    return found


def test_commands_that_messages_tell_have_keys_that_there_are() -> None:
    assert len(shell_commands()) >= 9
    for module, keys in shell_commands():
        assert keys <= COMMANDS[module].keys.keys(), module


def test_commands_are_quoted_for_the_shell() -> None:
    said = shell_command("sweep.tables", "-m", results_dir="my results", sweep="", study=None, table=3)
    assert said == "python -m sweep.tables -m 'results_dir=my results' table=3"


def test_no_command_is_told_without_its_quotes() -> None:
    """A message whose command has values of its own makes it by `shell_command`."""
    for path in sorted(p for package in ("sweep", "launchers") for p in (PROJECT / package).rglob("*.py")):
        told = re.findall(r"python -m sweep\.[^`\"\n]*=\{.*", path.read_text())
        assert not told, path


def test_keys_are_read_in_one_place() -> None:
    """`sys.argv` is read by what has a command line, and changed for Hydra; messages are not made of it."""
    sources = {path: path.read_text() for path in (PROJECT / "sweep").rglob("*.py")}
    readers = {path for path, source in sources.items() if "sys.argv" in source and "__main__" not in source}
    assert {str(path.relative_to(PROJECT)) for path in readers - {PROJECT / "sweep/__main__.py"}} <= {
        "sweep/commands/composed.py",
        "sweep/config/outside.py",
    }
