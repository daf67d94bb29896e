"""Sweeps with rows made by hand."""

from pathlib import Path

from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.plan.plan import make_plan
from sweep.results.rows import rows_store
from tests.conftest import DIGITS
from tests.rows_of import row_of
from tests.todays_code import today

FACTS = {"digits": DataFacts(1442, 355, 1, 8, 8, 10), "cifar10": DataFacts(50_000, 10_000, 3, 32, 32, 10)}
FACTS |= {"cifar100": DataFacts(50_000, 10_000, 3, 32, 32, 100)}


def store_sweep(results_dir: Path, runs: dict[RunConfig, dict[str, object] | None], study: str = "study") -> None:
    """A planned sweep whose runs have these rows, or none."""
    plan = make_plan(study, [(run, DIGITS) for run in runs], FACTS, [], today, "cpu")
    folder = results_dir / "sweeps" / plan.sweep_id
    folder.mkdir(parents=True)
    plan.write(folder / "plan.parquet")
    for run, changes in runs.items():
        if changes is not None:
            rows_store(results_dir).write(run.run_id, [row_of(run, **changes)])
