"""Small results directories, made by hand."""

from pathlib import Path
from typing import Any

from sweep.config.measuring import MeasureConfig
from sweep.config.run import RunConfig
from sweep.report.contents import Contents, read_contents
from sweep.results.rows import curves_store, distortions_store, measures_store, rows_store
from sweep.results.schema import DISTORTIONS
from sweep.results.select import Selection
from tests.conftest import tiny_run
from tests.measure_row_of import measure_row_of
from tests.rows_of import START, row_of

BOWL = [{"x": float(x), "y": float(y), "loss": 1.0 + x * x + y * y} for x in (-1, 0, 1) for y in (-1, 0, 1)]


def gap(value: float) -> dict[str, Any]:
    return {"train_loss": 0.5, "test_loss": 0.5 + value, "gap": value}


def write_rows(results_dir: Path, runs: dict[RunConfig, dict[str, Any]]) -> None:
    for run, changes in runs.items():
        rows_store(results_dir).write(run.run_id, [row_of(run, **changes)])


def write_curve(results_dir: Path, run: RunConfig) -> None:
    """Of two evaluated epochs, the training loss at 1 and 0.5, with one between that was not evaluated."""
    at = {"run_id": run.run_id, "attempt": 1, "lr": 0.1, "batch_loss": 1.0, "ended_at": START}
    lines = [
        {"train_loss": 1.0 / epoch, "test_loss": 1.5, "train_acc": 0.5, "test_acc": 0.25} if epoch != 2
        else dict.fromkeys(("train_loss", "test_loss", "train_acc", "test_acc"))
        for epoch in (1, 2, 3)
    ]  # fmt: skip
    lines[2]["train_loss"] = 0.5
    records = [{**at, "epoch": epoch, **line} for epoch, line in enumerate(lines, start=1)]
    curves_store(results_dir).write(run.run_id, records)


def write_measure(results_dir: Path, run: RunConfig, **changes: Any) -> None:
    scapes = {f"{form}_landscape": BOWL for form in ("raw", "folded")}
    steps = {"layers": ["first.weight", "last.weight"], "step_sizes": [0.1, 0.2]} if run.bits < 32 else {}
    row = measure_row_of(run, MeasureConfig(landscape_points=3), **scapes, **steps, **changes)
    measures_store(results_dir).write(row["task_id"], [row])


def write_distortion(results_dir: Path, run: RunConfig, corruption: str, severity: int, acc: float) -> None:
    task_id = f"{run.run_id[:40]}{corruption}{severity}"
    row = {
        **dict.fromkeys(column.name for column in DISTORTIONS.columns),
        "task_id": task_id, "run_id": run.run_id, "status": "finished", "attempt": 1, "code": "today",
        "corruption": corruption, "severity": severity, "corruption_seed": 0, "corruption_source": "generated",
        "corruption_constants": "imagenet-c", "distorted_acc": acc, "distorted_loss": 2.0,
    }  # fmt: skip
    distortions_store(results_dir).write(task_id, [row])


def grid(**axes: list[Any]) -> list[RunConfig]:
    """At 32 and 2 bits, with seeds 0 and 1 and both learning rates, unless `axes` say otherwise."""
    axes = {"bits": [32, 2], "seed": [0, 1], "lr": [0.05, 0.1]} | axes
    runs: list[dict[str, Any]] = [{}]
    for name, values in axes.items():
        runs = [run | {name: value} for run in runs for value in values]
    return [tiny_run(**run) for run in runs]


def full_results(results_dir: Path) -> list[RunConfig]:
    """Eight runs with everything: one diverged, one failed; gaps are 0.1 at 2 bits and 0.4 at full precision."""
    runs = grid()
    write_rows(results_dir, {run: gap(0.1 if run.bits == 2 else 0.4) for run in runs})
    write_rows(results_dir, {runs[-1]: {"status": "diverged", "gap": None, "train_loss": None, "test_loss": None}})
    write_rows(results_dir, {runs[-2]: {"status": "failed", "gap": None, "seconds": None, "error": "OSError: <disk>"}})
    for run in runs[:-2]:
        write_curve(results_dir, run)
        write_measure(results_dir, run, raw_l2_norm=float(run.bits + run.seed))
        for severity in (1, 2):
            write_distortion(results_dir, run, "fog", severity, 0.5 if run.bits == 2 else 0.75)
    return runs


def contents_of(results_dir: Path, **filters: str) -> Contents:
    return read_contents(results_dir, Selection(values=filters))
