"""How long the report of a large sweep takes to make and to open, and what it weighs.

    PYTHONPATH=. python benchmarks/report.py [--runs 2000] [--epochs 300] [--repeats 5] [--keep DIR]

The runs are made up, with the curves that QGen's schedule evaluates: 120 of 300 epochs. Times are from the
start of the navigation by the browser's own clock (`performance.mark`): until the page and its first chart are there,
and until the last chart is. The processor time of the page's main thread is what other work on the
machine does not change.
"""

import argparse
import datetime
import itertools
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.browser import browser, missing, open_report
from sweep.config.run import RunConfig, evaluated_epochs
from sweep.report.__main__ import report
from sweep.report.contents import read_contents
from sweep.results.rows import Store, curves_store, rows_store
from sweep.results.select import Selection
from tests.conftest import tiny_run
from tests.rows_of import START, row_of

RATES = {"sgd": (0.01, 0.05, 0.1), "adam": (0.0001, 0.0005, 0.001), "rmsprop": (0.0001, 0.0005, 0.001)}


def grid(count: int, epochs: int) -> list[RunConfig]:
    """QGen's axes, then more seeds."""
    points = itertools.product(
        range(1 + count // 972), (8, 10, 12), (2, 3, 4), (0.0, 1e-4, 2e-4), RATES, range(3), (32, 8, 4, 2)
    )  # fmt: skip
    return [
        tiny_run(
            seed=seed, width=width, depth=depth, weight_decay=decay, optimizer=optimizer, lr=RATES[optimizer][rate],
            momentum=0.9 if optimizer == "sgd" else 0.0, bits=bits, epochs=epochs, eval_every_epochs=10,
        )
        for seed, width, depth, decay, optimizer, rate, bits in itertools.islice(points, count)
    ]  # fmt: skip


def write_results(results_dir: Path, count: int, epochs: int) -> None:
    """Every fiftieth run diverged."""
    random = np.random.default_rng(0)
    runs = grid(count, epochs)
    curves = {run.run_id: curve(run, random) for run in runs}
    rows = [
        row_of(run, status="diverged", gap=None, ended_at=START + datetime.timedelta(minutes=i))
        if i % 50 == 49
        else row_of(run, **last_of(curves[run.run_id]), ended_at=START + datetime.timedelta(minutes=i))
        for i, run in enumerate(runs)
    ]
    write(rows_store(results_dir), rows)
    write(curves_store(results_dir), [line for curve in curves.values() for line in curve])


def curve(run: RunConfig, random: np.random.Generator) -> list[dict[str, object]]:
    """Of losses that fall and rise again, with noise."""
    floor = 0.05 + 0.1 * random.random()
    lines: list[dict[str, object]] = []
    for epoch in evaluated_epochs(run):
        train = floor + 2 / (1 + epoch / 10) + 0.01 * random.random()
        test = train + (0.1 + 0.002 * run.bits) * random.random()
        values = {"train_loss": train, "test_loss": test, "train_acc": np.exp(-train), "test_acc": np.exp(-test)}
        lines.append({"run_id": run.run_id, "attempt": 1, "epoch": epoch, "ended_at": START, **values})
    return lines


def last_of(lines: list[dict[str, object]]) -> dict[str, object]:
    values = {name: lines[-1][name] for name in ("train_loss", "test_loss", "train_acc", "test_acc")}
    return values | {"gap": values["test_loss"] - values["train_loss"]}  # type: ignore[operator]


def write(store: Store, lines: list[dict[str, object]]) -> None:
    store.path.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(lines, schema=store.schema), store.path / "part-0.parquet")


def opening_s(path: Path) -> tuple[float, float, float]:
    """Seconds until the first chart, until the last, and of the main thread's processor until then."""
    with browser() as driver:
        driver.execute_cdp_cmd("Performance.enable", {"timeDomain": "threadTicks"})
        open_report(driver, path)
        marks = driver.execute_script(
            "return ['opened', 'drawn'].map((n) => performance.getEntriesByName(n)[0].startTime)"
        )
        metrics = driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    processor_s = next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")
    return marks[0] / 1000, marks[1] / 1000, processor_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--epochs", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--keep", type=Path, help="folder for the results and the report")
    given = parser.parse_args()
    if missing():
        raise SystemExit(missing())
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        write_results(folder, given.runs, given.epochs)
        started = time.perf_counter()
        text = report(read_contents(folder, Selection()), "benchmarks/report.py")
        print(f"{given.runs} runs: made in {time.perf_counter() - started:.1f} s, {len(text.encode()) / 1e6:.1f} MB")
        (folder / "report.html").write_text(text)
        times = zip(*(opening_s(folder / "report.html") for _ in range(given.repeats)), strict=True)
        for name, seconds in zip(("first chart after", "last chart after", "processor"), times, strict=True):
            print(f"{name} {statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})")


if __name__ == "__main__":
    main()
