"""Which edits make which rows stale: every module of a copy of the sources is changed in turn."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from sweep import PROJECT
from sweep.config.engines import ENGINES
from sweep.plan.code import AROUND, Code
from sweep.plan.sources import Sources
from tests.plan.pieces import WORK, code_of

ALL = frozenset(WORK)
ON_DIGITS = ALL - {"saq"}
PLAIN = ALL - {"array"}
MEASURED = frozenset({"measure", "norms"})
OF_LSQ = MEASURED | {"lsq", "array", "distort"}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


FILES = [path for package in ("sweep", "launchers") for path in sorted((PROJECT / package).rglob("*.py"))]
TEXTS = {module_of(path): path.read_text() for path in FILES}


def codes(texts: Mapping[str, str]) -> dict[str, Code]:
    """The code of each piece of `WORK` where modules have these texts."""
    sources = Sources(texts.get)
    return {name: code_of(name, sources) for name in WORK}


TODAY = {name: code.fingerprint for name, code in codes(TEXTS).items()}


def stale(texts: Mapping[str, str]) -> frozenset[str]:
    """The work whose rows are not of the code in `texts`."""
    return frozenset(name for name, code in codes(texts).items() if code.fingerprint != TODAY[name])


PARTS = ("data", "models", "quantizers", "training.optimizers", "training.schedules", "training.updates")
# What an edit hits: the first entry that names the module, or a package that it lies in, says. Parts hit what uses
# them. What no entry names hits nothing.
HITS: tuple[tuple[str, frozenset[str]], ...] = (
    ("sweep.quantizers.lsq.quantizer", OF_LSQ | {"taught"}),
    ("sweep.quantizers.lsq", OF_LSQ | {"taught", "saq"}),  # declares a hyperparameter that others read too
    ("sweep.quantizers.saq", frozenset({"saq"})),
    ("sweep.quantizers.dorefa", frozenset({"taught"})),
    ("sweep.quantizers.lsq_plus", frozenset({"taught"})),
    ("sweep.quantizers.straight_through", frozenset({"saq", "taught"})),
    ("sweep.quantizers.noise", frozenset({"saq"})),
    *((f"sweep.quantizers.{name}", PLAIN) for name in ("bins", "calibration")),
    *(
        (f"sweep.quantizers.{name}", frozenset())
        for name in ("diffq", "dorefa_pact", "noise_tempering", "pact", "vvtq")
    ),
    *((f"sweep.quantizers.{name}", ALL) for name in ("base", "parameters", "placement")),
    ("sweep.models.nin", ON_DIGITS),
    ("sweep.models.cifar_resnet", frozenset({"saq"})),
    ("sweep.models.wide_resnet", frozenset({"taught"})),
    ("sweep.models.convolution", ALL),
    ("sweep.data.digits", ON_DIGITS),
    ("sweep.data.cifar", frozenset({"saq"})),
    ("sweep.data.vision", frozenset({"saq", "taught"})),
    *((f"sweep.data.{name}", frozenset({"distort"})) for name in ("cache", "image_folder", "square")),
    *((f"sweep.data.{name}", ALL) for name in ("arrays", "crops", "device", "files", "interface", "order", "resized")),
    ("sweep.data.streamed", ALL),
    ("sweep.training.optimizers.sgd", ALL - {"float"}),
    ("sweep.training.optimizers.adam", frozenset({"float"})),
    ("sweep.training.schedules.steps", ALL),
    ("sweep.training.updates.plain", ALL - {"saq"}),
    ("sweep.training.updates.sam.rule", frozenset()),
    *((f"sweep.training.updates.{name}", frozenset({"saq"})) for name in ("saq", "sam")),
    ("sweep.training.updates.base", ALL),
    *((f"sweep.training.updates.{name}", frozenset({"saq"})) for name in ("efficient", "passes", "perturbation")),
    ("sweep.training.updates.sharpness", frozenset({"saq"})),
    ("sweep.training.array", frozenset({"array"})),
    *((f"sweep.training.{name}", PLAIN) for name in ("clock", "objectives", "plain")),
    ("sweep.training.weights", MEASURED | {"distort"}),
    *((f"sweep.{room}", frozenset()) for room in PARTS),
    ("sweep.training", ALL),
    *((f"sweep.measures.{name}", frozenset({"measure"})) for name in ("bounds", "hessian", "landscape", "linf")),
    *((f"sweep.measures.{name}", frozenset({"measure"})) for name in ("loss", "losses", "quantization", "regularizer")),
    ("sweep.measures", MEASURED),
    *((f"sweep.config.{name}", MEASURED) for name in ("measures", "measuring")),
    ("sweep.worker.measurements", MEASURED),
    ("sweep.distortions", frozenset({"distort"})),
    ("sweep.config.distorting", frozenset({"distort"})),
    ("sweep.worker.distort", frozenset({"distort"})),
    ("sweep.worker.weight_files", frozenset({"taught"})),
    *((f"sweep.worker.{name}", ALL) for name in ("train", "images")),
    *((f"sweep.config.{name}", ALL) for name in ("bits", "checks", "chosen", "datasets", "engines", "facts")),
    *((f"sweep.config.{name}", ALL) for name in ("faults", "fields", "networks", "outside", "part_classes", "parts")),
    *((f"sweep.config.{name}", ALL) for name in ("run", "transfer")),
)
# Packages of which only the folder's own module is run by work that uses what lies in others of them.
PACKAGES = ("sweep", "sweep.config", "sweep.worker", *(f"sweep.{room}" for room in PARTS))


def hit_by(module: str) -> frozenset[str]:
    if module in PACKAGES:
        return ALL
    named = (hits for name, hits in HITS if module == name or module.startswith(f"{name}."))
    return next(named, frozenset())


@pytest.mark.parametrize("module", sorted(TEXTS))
def test_an_edit_makes_stale_what_uses_it_and_nothing_else(module: str) -> None:
    assert stale({**TEXTS, module: f"{TEXTS[module]}\nEDITED = 1\n"}) == hit_by(module)


def test_what_is_around_the_numbers_hits_nothing() -> None:
    assert not any(hit_by(module) for module in TEXTS if module.startswith(AROUND) and module not in WORKERS)


WORKERS = (
    "sweep.worker",
    *(f"sweep.worker.{name}" for name in ("train", "measurements", "distort", "weight_files", "images")),
)


def without_docstrings(text: str) -> str:
    """Laid out anew, without comments and docstrings."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            body[0] = ast.Expr(ast.Constant("Another docstring."))
    return ast.unparse(ast.fix_missing_locations(tree))


def test_comments_docstrings_and_layout_make_nothing_stale() -> None:
    edited = {module: f"# A comment.\n{without_docstrings(text)}\n\n\n" for module, text in TEXTS.items()}
    assert all(edited[module] != TEXTS[module] for module in TEXTS)
    assert stale(edited) == frozenset()


def test_a_new_version_makes_nothing_stale() -> None:
    assert stale({**TEXTS, "sweep": TEXTS["sweep"].replace('__version__ = "0', '__version__ = "9')}) == frozenset()


@pytest.mark.parametrize("kind", [*PARTS, "measures"])
def test_a_new_module_beside_others_makes_nothing_stale(kind: str) -> None:
    assert stale({**TEXTS, f"sweep.{kind}.another": "import torch\n"}) == frozenset()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1.0"),
        ("x = None", "x = ()"),
        ("x = [1]", "x = []"),
        ("f(a, b=1)", "f(a, c=1)"),
        ("def f(x): return x", "def f(x=1): return x"),
        ("def f():\n    return 'a'", "def f():\n    return 'b'"),
        ("a - b", "b - a"),
        ("if a:\n    b\nc", "if a:\n    b\n    c"),
        ("x: int = 1", "x: int = 2"),
        ("class A(B): pass", "class A(C): pass"),
        ("@a\ndef f(): pass", "@b\ndef f(): pass"),
        ("try:\n    a\nexcept E: b", "try:\n    a\nexcept F: b"),
    ],
)
def test_what_computes_something_else_has_another_fingerprint(before: str, after: str) -> None:
    old, new = (Sources({"m": text}.get).fingerprint(["m"]) for text in (before, after))
    assert old != new


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def f(x): return x", "def f(x: int) -> int:\n    'A docstring.'\n    return x  # why"),
        ("x = 1", "if TYPE_CHECKING:\n    from a import B\nx = 1"),
        ("x = 1", "x = (\n    1\n)"),
        ("x = 1", "__all__ = ['x']\nx = 0x1"),
    ],
)
def test_what_computes_the_same_has_the_same_fingerprint(before: str, after: str) -> None:
    old, new = (Sources({"m": text}.get).fingerprint(["m"]) for text in (before, after))
    assert old == new


def closure(texts: dict[str, str], *entries: str, outside: tuple[str, ...] = ()) -> set[str]:
    return set(Sources(texts.get).closure(entries, outside))


def test_imports_are_followed_wherever_they_stand() -> None:
    """With the packages around a module, whose code its import runs, and no further than this distribution."""
    texts = {
        "p": "", "p.a": "def f():\n    from p.q import b", "p.q": "import p.c", "p.q.b": "import torch",
        "p.c": "import_module('p.d')", "p.d": "from . import e", "p.e": "from .q.r import X", "p.q.r": "",
        "p.other": "", "torch": "",
    }  # fmt: skip
    assert closure(texts, "p.a") == {"p", "p.a", "p.q", "p.q.b", "p.c", "p.d", "p.e", "p.q.r"}
    assert closure(texts, "p.a", outside=("p.c",)) == {"p", "p.a", "p.q", "p.q.b"}
    assert closure(texts, "p.c", "p.a", outside=("p.c", "p.d")) == {"p", "p.a", "p.q", "p.q.b", "p.c"}


def test_what_only_type_checkers_see_is_not_followed() -> None:
    assert closure({"p": "", "p.a": "if TYPE_CHECKING:\n    import p.b", "p.b": ""}, "p.a") == {"p", "p.a"}


def test_an_entry_without_code_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"p\.gone: no such module, and its code decides numbers"):
        closure({"p": ""}, "p.gone")


# --- the shown faults -------------------------------------------------------------------------------------


def test_other_evaluated_epochs_are_other_code() -> None:
    module = "sweep.config.run"
    edited = TEXTS[module].replace("sorted({*early, *late, run.epochs})", "sorted({*early, run.epochs})")
    assert edited != TEXTS[module]
    assert stale({**TEXTS, module: edited}) == ALL


# Types of tasks of other kinds, and where the measures lie, whose columns every worker knows.
OF_OTHERS = {"sweep.config.work", "sweep.config.measures", "sweep.config.measuring", "sweep.config.distorting"}
OF_OTHERS |= {"sweep.measures"}
DESCRIPTIONS = {module for module, text in TEXTS.items() if re.search(r"^PARTS? = ", text, re.MULTILINE)}


@pytest.mark.parametrize("name", ["lsq", "saq", "array", "taught", "measure", "distort"])
def test_what_a_worker_imported_is_its_code_or_around_it(name: str, tmp_path: Path) -> None:
    """Of a real process, so that no module that decides a number can be forgotten."""
    command = [sys.executable, "-m", "tests.plan.pieces", name, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stdout + done.stderr
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    assert ENGINES[WORK[name][3]] in imported
    code = code_of(name, Sources(TEXTS.get), on_digits=True)
    assert {each for each in imported - code.modules if not each.startswith(AROUND)} <= OF_OTHERS | DESCRIPTIONS
