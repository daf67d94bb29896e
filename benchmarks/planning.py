"""Planning against composing each run with Hydra; and 100,000 stored rows against one shard per row.

    python benchmarks/planning.py [--repeats 3]

Each repeat plans 972 runs and 97,200 runs as processes of their own (a dry run, everything included) and composes
`COMPOSED` runs with Hydra, in turn; then it writes 100,000 rows compacted and `SHARDS` rows as a shard each and
reads both with pandas. Prints medians, ranges and ratios per run.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

COMPOSED = 40
SHARDS = 1_000
ROWS = 100_000
SWEEPS = {"972 runs": "seed=0", "97,200 runs": "seed=range(0,100)"}


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def plan(seeds: str) -> tuple[float, float]:
    """Seconds and peak memory (GiB) of a dry run."""
    command = [sys.executable, "-m", "sweep.run", "-m", "bits=2,4,8,32", seeds, "dry_run=true", "hydra/launcher=local"]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return time.perf_counter() - start, usage.ru_maxrss / 2**20


def compose_with_hydra() -> float:
    """Seconds per run."""
    from hydra import compose, initialize_config_dir

    from sweep.commands.plugins import CONF, register_plugins
    from sweep.commands.sweeper import GridSweeper

    register_plugins(GridSweeper)
    with initialize_config_dir(CONF, version_base="1.3"):
        overrides = [[f"bits={bits}", f"seed={seed}"] for bits in (2, 4) for seed in range(COMPOSED // 2)]
        return timed(lambda: [compose("sweep", given) for given in overrides]) / COMPOSED


def rows(folder: Path, count: int, compacted: bool) -> Path:
    from sweep.compact import compact
    from sweep.results.rows import rows_store
    from tests.conftest import tiny_run
    from tests.rows_of import row_of

    store = rows_store(folder)
    runs = [tiny_run(seed=seed) for seed in range(count)]
    if compacted:
        store.write("all", [row_of(run) for run in runs])
        store.write("other", [row_of(tiny_run(bits=2))])
        compact(store)
    else:
        for run in runs:
            store.write(run.run_id, [row_of(run)])
    return store.path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    figures: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, seeds in SWEEPS.items():
            seconds, memory_gib = plan(seeds)
            figures.setdefault(f"plan {name}, s", []).append(seconds)
            figures.setdefault(f"plan {name}, peak GiB", []).append(memory_gib)
        figures.setdefault("compose one run with Hydra, s", []).append(compose_with_hydra())
    import pandas as pd

    with tempfile.TemporaryDirectory() as folder:
        many = rows(Path(folder) / "many", ROWS, compacted=True)
        apart = rows(Path(folder) / "apart", SHARDS, compacted=False)
        for _ in range(repeats):
            figures.setdefault(f"read {ROWS:,} compacted rows, s", []).append(timed(lambda: pd.read_parquet(many)))
            figures.setdefault(f"read {SHARDS:,} shards of one row, s", []).append(
                timed(lambda: pd.read_parquet(apart))
            )
    for name, values in figures.items():
        print(f"{name:34} {statistics.median(values):9.4f}   ({min(values):.4f} to {max(values):.4f}, n = {repeats})")
    per_run = statistics.median(figures["plan 97,200 runs, s"]) / 97_200
    ratio = statistics.median(figures["compose one run with Hydra, s"]) / per_run
    print(f"planning a run is {ratio:.0f} times faster than composing it")


if __name__ == "__main__":
    main()
