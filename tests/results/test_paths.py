"""Where everything lies in a results directory: what an earlier version left is found where it left it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from sweep import PROJECT
from sweep.results.paths import ResultsDir

RESULTS = ResultsDir(Path("r"))
SWEEP = RESULTS.sweep("s")
PATHS = {
    RESULTS.table("rows"): "r/rows",
    RESULTS.generations: "r/.generations",
    RESULTS.compaction_lock("rows"): "r/.rows.lock",
    RESULTS.damaged("rows", "x.parquet"): "r/damaged/rows-x.parquet",
    RESULTS.checkpoint("x"): "r/checkpoints/x.pt",
    RESULTS.weights("x"): "r/weights/x.pt",
    RESULTS.cache: "r/cache",
    SWEEP.path: "r/sweeps/s",
    SWEEP.results.path: "r",
    SWEEP.plan: "r/sweeps/s/plan.parquet",
    SWEEP.journal("p"): "r/sweeps/s/journal/p.jsonl",
    SWEEP.logs: "r/sweeps/s/logs",
    SWEEP.snapshots: "r/sweeps/s/code",
    SWEEP.lock: "r/sweeps/s/launcher.lock",
    SWEEP.submissions: "r/sweeps/s/submissions.jsonl",
    SWEEP.trials: "r/sweeps/s/trials.jsonl",
    SWEEP.prune_request("x"): "r/sweeps/s/stop/x",
}
MODULE = PROJECT / "sweep" / "results" / "paths.py"
SOURCES = [path for package in ("sweep", "launchers") for path in (PROJECT / package).rglob("*.py") if path != MODULE]


@pytest.mark.parametrize(("path", "expected"), PATHS.items())
def test_paths(path: Path, expected: str) -> None:
    assert path == Path(expected)


def test_sweeps_are_those_with_a_plan(tmp_path: Path) -> None:
    results = ResultsDir(tmp_path)
    for name in ("b", "a", "planless"):
        for path in (results.sweep(name).plan, results.sweep(name).journal("p"), results.sweep(name).journal("o")):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    results.sweep("planless").plan.unlink()
    assert [one.sweep_id for one in results.sweeps()] == ["a", "b"]
    assert results.sweep("a").journals() == [results.sweep("a").journal(pack) for pack in ("o", "p")]
    assert results.journals() == [
        results.sweep(name).journal(pack) for name in ("a", "b", "planless") for pack in ("o", "p")
    ]


def joined(path: Path) -> Iterator[str]:
    """What `path` appends to folders, by its name."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div) and isinstance(node.right, ast.Constant):
            yield str(node.right.value)


def test_nobody_else_joins_these_paths() -> None:
    names = {part for path in map(Path, PATHS.values()) for part in path.parts} & set(joined(MODULE))
    assert {"sweeps", "checkpoints", "weights", "cache", "logs", "journal", "damaged", "plan.parquet"} <= names
    found = [(str(path), name) for path in SOURCES for name in joined(path) if name in names]
    assert not found, "sweep/results/paths.py knows these"
