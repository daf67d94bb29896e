"""The direction of imports: config -> plan -> launch -> train -> rows -> tables; and what must not be imported."""

import ast
from pathlib import Path

import pytest
import yaml

from sweep import PROJECT
from sweep.distort import COMMAND as DISTORT
from sweep.measure import COMMAND as MEASURE
from sweep.measures.config import MEASURE_FIELDS, MeasureConfig, make_measure_config
from sweep.run import KEYS

# From left to right; a module imports only from its own group or from groups to its left.
ORDER = [
    {"sweep.architectures"},
    {"sweep", "sweep.checks", "sweep.rules"},
    {"sweep.transfer"},
    {
        "sweep.config",
        "sweep.settings",
        "sweep.distortions.config",
        "sweep.measures.config",
        "sweep.cli",
        "sweep.terminal",
    },
    {"sweep.vision", "sweep.cost", "sweep.schema", "sweep.grid", "sweep.studies", "sweep.work"},
    {"sweep.plan"},
    {"sweep.data", "sweep.models", "sweep.quantizers"},
    {"sweep.training"},
    {"sweep.measures", "sweep.distortions"},
    {"sweep.rows", "sweep.provenance", "sweep.clusters", "sweep.hours"},
    {"sweep.compact", "sweep.tables"},
    {"sweep.search"},
    {"sweep.best", "sweep.figures"},
    {"sweep.report"},
]
# Where all of it is put together: the commands, and what runs on a node.
ROOTS = {
    "sweep.run",
    "sweep.sweeper",
    "sweep.execute",
    "sweep.command",
    "sweep.distort",
    "sweep.distorting",
    "sweep.given",
    "sweep.measure",
    "sweep.measuring",
    "sweep.trained",
    "sweep.plugins",
    "sweep.observe",
    "sweep.status",
    "sweep.failures",
    "sweep.cancel",
    "sweep.search.loop",
    "sweep.search.pruning",
    "sweep.search.sweeper",
}


def group(module: str) -> int | None:
    parts = module.split(".")
    names = {".".join(parts[:2]), module}
    return next((i for i, modules in enumerate(ORDER) if names & modules), None)


def imported(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{a.name}" if node.module == "sweep" else node.module for a in node.names}
    return {name for name in names - {"sweep.PROJECT"} if name.split(".")[0] in ("sweep", "launchers")}


SOURCES = sorted((PROJECT / "sweep").rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_imports_go_one_way(path: Path) -> None:
    module = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    if any(f"{module}.".startswith(f"{root}.") for root in ROOTS):
        return
    own = group(module)
    assert own is not None, f"{module} has no place in the order: give it one above"
    for name in imported(path):
        other = group(name)
        assert other is not None and other <= own, f"{module} imports {name}, which is to its right"


def test_every_key_of_conf_is_read() -> None:
    used = {*KEYS, *MEASURE.keys, *DISTORT.keys, "measure", "select", "defaults", "hydra", "table"}
    for path in (PROJECT / "conf").glob("**/*.yaml"):
        if path.parent.name not in ("grid", "launcher", "sweeper"):
            assert set(yaml.safe_load(path.read_text())) <= used, path


def test_conf_has_every_measure_setting_at_its_default() -> None:
    conf = yaml.safe_load((PROJECT / "conf" / "measure.yaml").read_text())["measure"]
    assert tuple(conf) == MEASURE_FIELDS
    assert make_measure_config(conf) == MeasureConfig()
