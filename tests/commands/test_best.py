"""The best runs and the importance of axes, on rows made by hand."""

import itertools
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep.best import best, importance
from sweep.results.rows import rows_store
from sweep.search.options import parse_objective
from tests.conftest import tiny_run
from tests.rows_of import row_of


def write(results_dir: Path, rows: list[dict[str, Any]]) -> None:
    for row in rows:
        rows_store(results_dir).write(row["run_id"], [row])


def rows() -> list[dict[str, Any]]:
    """lr decides, bits matter little, the seed is noise."""
    noise = random.Random(0)
    found = []
    for lr, bits, seed in itertools.product((0.001, 0.01, 0.1), (2, 8), (0, 1)):
        loss = {0.001: 3.0, 0.01: 2.0, 0.1: 1.0}[lr] + 0.2 / bits + 0.01 * noise.random()
        found.append(row_of(tiny_run(lr=lr, bits=bits, seed=seed), test_loss=loss, gap=1 / loss))
    return found


def command(results_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-W", "error", "-m", "sweep.best", f"results_dir={results_dir}", *arguments]
    return subprocess.run(argv, capture_output=True, text=True, timeout=120)


def test_the_axis_that_decides_is_the_most_important() -> None:
    table = pd.DataFrame(rows())
    shares = importance(table, ["lr", "bits", "seed"], "test_loss")
    assert sum(shares.values()) == pytest.approx(1)
    assert next(iter(shares)) == "lr" and shares["lr"] > 0.9
    optimizers = ["sgd", "adam", "rmsprop"] * 4
    named = table.assign(optimizer=optimizers, test_loss=[float(optimizers.index(name)) for name in optimizers])
    assert importance(named, ["lr", "optimizer"], "test_loss")["optimizer"] > 0.8


def test_best_runs_come_first_and_a_front_is_not_dominated() -> None:
    table = pd.DataFrame({"run_id": list("abcd"), "test_loss": [3.0, 1.0, 2.0, 3.0], "test_acc": [0.9, 0.5, 0.4, 0.8]})
    loss, acc = parse_objective("minimize test_loss"), parse_objective("maximize test_acc")
    assert best(table, [loss])["run_id"].tolist() == ["b", "c", "a", "d"]
    assert best(table, [acc])["run_id"].tolist() == ["a", "d", "b", "c"]
    assert best(table, [loss, acc])["run_id"].tolist() == ["b", "a"]


def test_the_command(tmp_path: Path) -> None:
    stored = rows()
    write(tmp_path, [*stored, row_of(tiny_run(seed=9), status="failed", test_loss=None)])
    done = command(tmp_path, "n=2")
    assert done.returncode == 0, done.stderr
    ordered = sorted(stored, key=lambda row: row["test_loss"])
    ids = [row["run_id"][:12] for row in ordered]
    assert done.stdout.index(ids[0]) < done.stdout.index(ids[1]) and ids[2] not in done.stdout
    assert "2 of 12 finished runs: minimize test_loss" in done.stdout
    assert done.stdout.index("share of the variance") < done.stdout.rindex("│ lr") < done.stdout.rindex("│ bits")
    assert "epochs" not in done.stdout  # it does not vary
    front = command(tmp_path, "objective=maximize test_loss,gap", "bits=2")
    assert "1 of 1 Pareto-optimal runs: maximize test_loss, minimize gap" in front.stdout
    assert "importance: needs 10 finished runs, there are 6" in front.stdout


@pytest.mark.parametrize(
    ("count", "changes", "arguments", "message"),
    [
        (1, {}, [], "importance: every run has the same hyperparameters"),
        (12, {"test_loss": 0.5}, [], "importance: test_loss is the same in every run"),
        (3, {"status": "diverged"}, [], "none of these 3 runs has finished"),
        (3, {}, ["objective=loss"], "objective 'minimize loss': `minimize COLUMN` or `maximize COLUMN` is needed"),
        (3, {}, ["n=0"], "n=0: a whole number from 1 up is needed"),
        (3, {}, ["lr=7"], "lr=7: no run has it; there are"),
        (3, {}, ["nn=7"], "nn=7: there is no such key; did you mean n? Options: results_dir, objective, n."),
        (0, {}, [], "no rows there"),
    ],
)
def test_what_cannot_be_shown_is_said(
    count: int, changes: dict[str, Any], arguments: list[str], message: str, tmp_path: Path
) -> None:
    write(tmp_path, [row | changes for row in rows()[:count]])
    done = command(tmp_path, *arguments)
    assert message in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
