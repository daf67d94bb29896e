"""A faulty part from outside: a clear error, before any time is spent and without a trace."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from sweep.__main__ import COMMANDS
from sweep.config import outside
from sweep.config.checks import ConfigError
from sweep.config.chosen import ALL_PARTS, OF_PARTS
from sweep.config.datasets import DataSet
from sweep.config.faults import check_code, check_hyperparameter
from sweep.config.parts import REQUIRED, Hyperparameter, declared_in, declared_outside, parts_of
from sweep.config.run import RUN_FIELDS
from sweep.results.rows import measures_store, run_of_row, stored
from tests.measure_row_of import measure_row_of
from tests.outside.commands import TINY, run, sweep
from tests.outside.packages import FIGURE, MEASURE, OPTIMIZER, QUANTIZER, TABLE, package

DESCRIPTION, CODE = QUANTIZER["__init__.py"], QUANTIZER["quantizer.py"]
FILE, INIT, BESIDE = "my_part.py", "my_part/__init__.py", "my_part/quantizer.py"


def quantizer(description: str = DESCRIPTION, code: str | None = CODE) -> dict[str, str]:
    return {"__init__.py": description} | ({} if code is None else {"quantizer.py": code})


def hyperparameter(**given: object) -> str:
    """An optimizer whose hyperparameter is declared otherwise."""
    declared = {"neutral": 1.0, "low": 0} | given
    inside = ", ".join(f"{name}={value}" for name, value in declared.items() if value is not None)
    return OPTIMIZER.replace("neutral=1.0, low=0", inside)


FAULTS: dict[str, tuple[dict[str, str] | str, list[str]]] = {
    "an import that fails": (
        "import sweep\nimport nothing_of_that_name",
        ["cannot be imported: ModuleNotFoundError: No module named 'nothing_of_that_name' (", f"{FILE}:2)"],
    ),
    "code that raises": ("x = 1\ny = x / 0", ["cannot be imported: ZeroDivisionError: division by zero", f"{FILE}:2)"]),
    "a syntax error": ("x = 1\n\nif x\n", ["SyntaxError: expected ':'", f"{FILE}:3)"]),
    "no description": ("x = 1", ["declares no PART: PART says what it is", FILE]),
    "an empty family": ("PARTS = ()", ["declares no PART", FILE]),
    "both": (f"{OPTIMIZER}\nPARTS = (PART,)", ["declares both PART and PARTS", FILE]),
    "two": (
        f"{OPTIMIZER}\nPARTS = (PART, PART)\ndel PART",
        ["declares 2 parts", "is called by the name of its module, which declares one: divide them"],
    ),
    "another type": ("PART = {'name': 'own'}", ["PART is a dict, and must be one of the classes in docs/", FILE]),
    "a keyword of an older version": (
        OPTIMIZER.replace("(GAIN,))", "(GAIN,), learned=True)"),
        ["TypeError: Optimizer.__init__() got an unexpected keyword argument 'learned' (", f"{FILE}:6)"],
    ),
    "what reads runs": ("from sweep.config.nothing import RunConfig", ["sweep.config.nothing", "(sweep.config.run)"]),
    "no hyperparameter": (OPTIMIZER.replace("(GAIN,)", "('gain',)"), ["it reads 'gain': hyperparameters are needed"]),
    "a name that is none": (OPTIMIZER.replace('"gain"', '"a gain"'), ["hyperparameter 'a gain': a name of letters"]),
    "another type of values": (OPTIMIZER.replace("float", "list"), ["gain has the type", "allowed are int, float"]),
    "no range": (hyperparameter(low=None), ["gain has no range: give low, high or both, or parse"]),
    "no choices": (
        hyperparameter(low=None, neutral="'a'").replace("float", "str"),
        ["gain has no choices: give choices, or parse"],
    ),
    "a neutral value out of range": (
        hyperparameter(neutral=-1),
        ["the neutral value of gain is none that it allows: gain=-1: allowed is a number from 0"],
    ),
    "a neutral value that is no choice": (
        hyperparameter(low=None, neutral="'a'", choices="('b', 'c')").replace("float", "str"),
        ["gain=a: allowed are b, c"],
    ),
    "no code": (
        quantizer(code=None),
        ["there is no my_package.my_part.quantizer: a file quantizer.py with weight_quantizer(run, weight, bits"],
    ),
    "code that cannot be read": (
        quantizer(code="def weight_quantizer(:"),
        ["its code cannot be read: SyntaxError: ", f"{BESIDE}:1)"],
    ),
    "a function less": (quantizer(code="x = 1"), [BESIDE, "has no weight_quantizer(run, weight, bits, layer), which"]),
    "a function that is missing in the same file": (
        OPTIMIZER.replace("def make_optimizer", "def make"),
        [FILE, "has no make_optimizer(groups, run, common)"],
    ),
    "an argument less": (
        OPTIMIZER.replace("(groups, run, common)", "(groups, run)"),
        ["make_optimizer(groups, run) is called as make_optimizer(groups, run, common)", f"{FILE}:9)"],
    ),
    "an argument more": (
        OPTIMIZER.replace("(groups, run, common)", "(groups, run, common, more)"),
        ["make_optimizer(groups, run, common, more) is called as make_optimizer(groups, run, common)"],
    ),
    "a keyword that nothing gives": (
        OPTIMIZER.replace("(groups, run, common)", "(groups, run, common, *, more)"),
        ["make_optimizer(groups, run, common, *, more) is called as"],
    ),
    "a measure without one of its functions": (
        MEASURE.replace("def of_form", "def of_forms"),
        [FILE, "has no of_form(form), which is called"],
    ),
    "an argument of a measure more": (
        MEASURE.replace("def of_run(subject)", "def of_run(subject, form)"),
        ["of_run(subject, form) is called as of_run(subject)", f"{FILE}:19)"],
    ),
    "a table without a method": (
        TABLE.replace("def notes", "def note"),
        ["cannot be imported: TypeError: Can't instantiate abstract class LossByBits", "notes", f"{FILE}:19)"],
    ),
    "an argument of a table less": (
        TABLE.replace("lines(self, runs, found)", "lines(self, runs)"),
        ["lines is called as lines(runs, found): too many positional arguments", f"{FILE}:8)"],
    ),
    "an argument of a table more": (
        TABLE.replace("cells(self, lines)", "cells(self, lines, style)"),
        ["cells is called as cells(lines): missing a required argument: 'style'", f"{FILE}:12)"],
    ),
    "no method": (
        TABLE.replace("def notes(self, lines):", "notes = ()\n    def note(self, lines):"),
        ["notes is called as notes(lines): () is not a callable object"],
    ),
    "another signature of what a table need not have": (
        TABLE.replace("def note", "def found(self, runs):\n        pass\n\n    def note"),
        ["found is called as found(results_dir, runs, values): too many positional arguments", f"{FILE}:15)"],
    ),
    "an argument of a figure less": (
        FIGURE.replace("(self, runs, found, folder)", "(self, runs, found)"),
        ["draw is called as draw(runs, found, folder): too many positional arguments", f"{FILE}:10)"],
    ),
    "a figure of unknown work": (
        FIGURE.replace('kind="train"', 'kind="trained"'),
        ["ConfigError: kind=trained: allowed are train, measure, distort; did you mean train?", f"{FILE}:18)"],
    ),
}  # fmt: skip


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose packages this process imports, and forgets after the test."""
    folder = tmp_path / "elsewhere"
    monkeypatch.syspath_prepend(str(folder))
    yield folder
    for name in [name for name in sys.modules if name.partition(".")[0] == "my_package"]:
        del sys.modules[name]
    outside.spec_of.cache_clear()
    declared_in.cache_clear()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_part_is_named_with_what_is_wrong(fault: str, importable: Path) -> None:
    files, expected = FAULTS[fault]
    package(importable, files)
    with pytest.raises(ConfigError) as error:
        declared_outside.__wrapped__("my_package.my_part")
    message = str(error.value)
    assert message.startswith("my_package.my_part"), "what was given"
    assert not [words for words in expected if words not in message], message
    assert "\n" not in message


@pytest.mark.parametrize("text", [OPTIMIZER, OPTIMIZER.replace("(groups, run, common)", "(groups, run, *more, a=1)")])
def test_a_part_that_is_whole(text: str, importable: Path) -> None:
    package(importable, text)
    part = declared_outside.__wrapped__("my_package.my_part")
    assert part.name == "my_package.my_part" and [own.name for own in part.reads] == ["gain"]


def test_a_list_of_numbers_is_allowed_and_checked() -> None:
    radii = Hyperparameter("radii", tuple[float, ...], "of balls", neutral=(0.5,), low=0, low_open=True)
    check_hyperparameter(radii, REQUIRED)
    found = radii.check([1, 0.25])
    assert found == (1.0, 0.25) and [type(item) for item in found] == [float, float]
    with pytest.raises(ConfigError, match=r"radii=0\.0: allowed is a number above 0"):
        radii.check([0.5, 0.0])
    with pytest.raises(ConfigError, match=r"radii=0\.5: allowed is a list, each a number above 0"):
        radii.check(0.5)
    whole = replace(radii, type=tuple[int, ...], neutral=(1,))
    assert [type(item) for item in whole.check([2, 3])] == [int, int]
    with pytest.raises(ConfigError, match=r"radii=0\.25: allowed is a whole number from 0 up"):
        whole.check([0.25])


def test_our_own_parts_would_pass() -> None:
    for own in OF_PARTS.values():
        check_hyperparameter(own, REQUIRED)
    for part in (*ALL_PARTS, *parts_of(DataSet).values()):
        if part.code:
            check_code(part.code, part.module, part.signatures())


# --- as users type them ------------------------------------------------------------------------------------------


START_WORK = ("distort", "measure", "run")
BROKEN = "my_package.my_part: its description cannot be imported: ModuleNotFoundError: No module named 'nothing_of_"


@pytest.fixture(scope="module")
def known_and_broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Rows of a quantizer of ours and of one from outside, and a folder where that is broken since."""
    parts, results_dir = package(tmp_path_factory.mktemp("parts") / "p", QUANTIZER), tmp_path_factory.mktemp("r")
    sweep("quantizer=lsq,my_package.my_part", "gain=2", results_dir=results_dir, parts=parts)
    of_ours = next(row for row in stored(results_dir, RUN_FIELDS) if row["quantizer"] == "lsq")
    measured = measure_row_of(run_of_row(of_ours))
    measures_store(results_dir).write(measured["task_id"], [measured])
    (parts / "my_package" / "my_part" / "__init__.py").write_text("import nothing_of_that_name")
    return results_dir, parts


@pytest.mark.parametrize("command", START_WORK)
def test_commands_that_start_work_stop_without_a_trace(command: str, known_and_broken: tuple[Path, Path]) -> None:
    results_dir, parts = known_and_broken
    done = run(f"sweep.{command}", f"results_dir={results_dir}", parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith(f"error: {BROKEN}") and not done.stdout


@pytest.mark.parametrize("command", sorted(set(COMMANDS) - set(START_WORK)))
def test_commands_that_read_go_on_without_it(command: str, known_and_broken: tuple[Path, Path]) -> None:
    results_dir, parts = known_and_broken
    done = run(f"sweep.{command}", f"results_dir={results_dir}", parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert done.returncode == 0 and done.stdout, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("left out: my_package.my_part")]
    assert line.startswith("left out: my_package.my_part, with the columns, keys and names that it declares: " + BROKEN)


@pytest.mark.parametrize("key", ["table", "figure"])
def test_what_is_asked_for_is_not_left_out(key: str, known_and_broken: tuple[Path, Path]) -> None:
    results_dir, parts = known_and_broken
    done = run(f"sweep.{key}s", f"results_dir={results_dir}", f"{key}=my_package.my_part", parts=parts)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {BROKEN}"), done.stderr


def test_a_worker_stops_before_it_reads_a_pack(known_and_broken: tuple[Path, Path]) -> None:
    """Values of a run without its field would be taken for those of the next."""
    for module in ("sweep.worker.job", "sweep.worker.rank"):
        done = run(module, parts=known_and_broken[1], QSWEEP_PARTS="my_package.my_part")
        assert done.returncode == 1 and done.stderr.startswith(f"error: {BROKEN}"), done.stderr


STUDY = """# @package _global_
defaults:
  - override /quantizer: my_package.my_part
grid:
  name: mine
"""


def test_one_that_only_a_file_of_conf_chooses(tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", QUANTIZER)
    (tmp_path / "conf" / "study").mkdir(parents=True)
    (tmp_path / "conf" / "study" / "mine.yaml").write_text(STUDY)
    asked = (f"--config-dir={tmp_path / 'conf'}", "-m", *TINY, "study=mine", "hydra/launcher=local")
    results_dir = f"results_dir={tmp_path / 'r'}"
    done = run("sweep.run", *asked, results_dir, parts=parts)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: quantizer=my_package.my_part: allowed are diffq, dorefa"), done.stderr
    assert "is a part from outside, install its package here, or name it in QSWEEP_PARTS" in done.stderr
    done = run("sweep.run", *asked, results_dir)
    assert done.stderr.startswith("error: quantizer=my_package.my_part: there is no module my_package.my_part here")
    done = run("sweep.run", *asked, results_dir, parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert done.returncode == 0, done.stdout + done.stderr
    (row,) = stored(tmp_path / "r", RUN_FIELDS)
    assert (row["quantizer"], row["first_last"]) == ("my_package.my_part", "fp"), "as its defaults.yaml says"


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        (OPTIMIZER, "optimizer=my_package.gone", "optimizer=my_package.gone: there is no module my_package.gone here. "
         "my_package has my_part. A part from outside must be importable wherever runs are planned or trained"),
        (OPTIMIZER, "optimizer=gone.part", "there is no module gone.part here. A part from outside"),
        (OPTIMIZER, "rule=my_package.my_part", "my_package.my_part declares PART = Optimizer(...): give optimizer="),
        (OPTIMIZER, "+grid.axes.quantizer=[my_package.gone]", "quantizer=my_package.gone: there is no module"),
        (OPTIMIZER, "optimizer=sweep.training.optimizers.sgd", "is no part from outside: give optimizer=sgd"),
        (OPTIMIZER.replace('"gain"', '"lr"'), "optimizer=my_package.my_part", "lr: a part declares it, and every run"),
        (OPTIMIZER.replace('"gain"', '"rho"'), "optimizer=my_package.my_part",
         "rho is declared in my_package.my_part and in sweep.training.updates.sam"),
        (OPTIMIZER.replace("neutral=1.0, ", ""), "optimizer=my_package.my_part", "gain of my_package.my_part needs a"),
        (f"import torch\n{OPTIMIZER}", "optimizer=my_package.my_part", "its description imports torch ("),
    ],
)  # fmt: skip
def test_the_sweep_refuses_it_before_it_plans(text: str, given: str, message: str, tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", text)
    arguments = ("-m", "dataset=digits", "hydra/launcher=local", given, f"results_dir={tmp_path / 'r'}")
    done = run("sweep.run", *arguments, parts=parts)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert done.stderr.startswith("error: ") and message in done.stderr, done.stderr
    assert not done.stdout and not (tmp_path / "r").exists()


def test_the_line_that_imports_torch_is_named(tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", OPTIMIZER)
    (parts / "my_package" / "__init__.py").write_text("x = 1\nimport torch\n")
    done = run("sweep.tables", parts=parts, QSWEEP_PARTS="my_package.my_part")
    assert f"imports torch ({parts / 'my_package' / '__init__.py'}:2)" in done.stderr, done.stderr


def test_an_entry_point_that_leads_nowhere(tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", OPTIMIZER)
    installed = parts / "mine-1.2.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.2\n")
    (installed / "entry_points.txt").write_text("[qsweep.quantizers]\nown = my_package.gone\n")
    done = run("sweep.run", parts=parts)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    named = "entry point own = my_package.gone of mine 1.2 in qsweep.quantizers: there is no module my_package.gone"
    assert named in done.stderr
    assert f"left out: my_package.gone, with the columns, keys and names that it declares: {named}" in (
        run("sweep.tables", f"results_dir={tmp_path}", parts=parts).stderr
    )
    (installed / "entry_points.txt").write_text("[qsweep.quantizers]\nown = my_package.my_part\n")
    done = run("sweep.run", parts=parts)
    assert "declares PART = Optimizer(...), and an entry point names it in qsweep.quantizers" in done.stderr


def test_a_module_with_the_name_of_one_of_ours(tmp_path: Path) -> None:
    parts = package(tmp_path / "elsewhere", OPTIMIZER)
    (parts / "my_package" / "my_part.py").rename(parts / "sgd.py")
    done = run("sweep.run", parts=parts, QSWEEP_PARTS="sgd")
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert "two parts have the name optimizer=sgd: those of sweep.training.optimizers.sgd and sgd" in done.stderr
