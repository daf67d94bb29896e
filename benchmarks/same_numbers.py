"""The demo's grid by two checkouts on this machine: every number of rows and curves must be equal, bit for bit.

    python -m benchmarks.same_numbers --old ../before --new . [--folder DIR]

`make demo`'s 36 runs are trained by each checkout in turn, with this Python. Columns that say how a run went (seconds,
times, attempts, code, ...) are not compared. Exits with 1 where something differs, and names it.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

DEMO = ["-m", "bits=2,4,8,32", "hydra/launcher=local", "dataset=digits", "grid=demo", "base_width=4", "epochs=30"]
RUNS = 36
CIRCUMSTANCES = {"attempt", "seconds", "images_per_s", "threads", "started_at", "ended_at", "job_id"}
KEYS = {"rows": ["run_id"], "curves": ["run_id", "epoch"]}


def train(checkout: Path, results_dir: Path) -> None:
    """Raises CalledProcessError where a run fails."""
    environment = os.environ | {"PYTHONPATH": str(checkout.resolve())}
    command = [sys.executable, "-m", "sweep.run", *DEMO, f"results_dir={results_dir}"]
    subprocess.run(command, check=True, env=environment, cwd=checkout)


def numbers(results_dir: Path, table: str) -> pd.DataFrame:
    """The numeric columns that training computed or was given, ordered by their keys."""
    read = pd.read_parquet(results_dir / table).set_index(KEYS[table]).sort_index()
    return read.select_dtypes(["number", "bool"]).drop(columns=[*CIRCUMSTANCES], errors="ignore")


def differences(old: Path, new: Path, table: str) -> list[str]:
    """In words; what the new checkout has besides the old one's columns is no difference."""
    before, after = numbers(old, table), numbers(new, table)
    if not before.index.equals(after.index):
        return [f"{table}: {len(before)} by the old checkout, {len(after)} by the new one, and not the same ones"]
    missing = [f"{table}: the new checkout lacks {name}" for name in before.columns.difference(after.columns)]
    shared = before.columns.intersection(after.columns)
    changed = {name: int((~_equal(before[name], after[name])).sum()) for name in shared}
    return missing + [f"{table}: {name} differs {count} times" for name, count in changed.items() if count]


def _equal(before: "pd.Series[float]", after: "pd.Series[float]") -> "pd.Series[bool]":
    return (before == after) | (before.isna() & after.isna())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--old", type=Path, required=True, help="a checkout of the code before")
    parser.add_argument("--new", type=Path, required=True, help="a checkout of the code after")
    parser.add_argument("--folder", type=Path, help="keeps the two results directories here; default: a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (given.folder or Path(temporary)).resolve()
        for name in ("old", "new"):
            train(getattr(given, name), folder / name)
        found = [line for table in KEYS for line in differences(folder / "old", folder / "new", table)]
        counts = {table: numbers(folder / "new", table).shape for table in KEYS}
    assert counts["rows"][0] == RUNS, f"{counts['rows'][0]} runs, {RUNS} expected"
    print(
        "\n".join(found) or "equal, bit for bit: " + ", ".join(f"{n} {t} x {k} columns" for t, (n, k) in counts.items())
    )
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
