"""The runs that a table is about: what was planned and what is stored, narrowed by values."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from sweep.config import RUN_FIELDS, ConfigError, allowed
from sweep.plan import read_plan
from sweep.rows import rows_store


def planned_and_stored(results_dir: Path, sweep: str = "") -> pd.DataFrame:
    """One line per run that a plan names or that has a row; `status` is null where it has none.

    With `sweep`, only the runs of the sweep of that id. Raises `ConfigError`.
    """
    store = rows_store(results_dir)
    if not store.path.exists():
        raise ConfigError(f"results_dir={results_dir}: no rows there; `python -m sweep.run` writes them")
    plans = sorted(results_dir.glob(f"sweeps/{sweep or '*'}/plan.parquet"))
    if sweep and not plans:
        known = allowed(path.parent.name for path in results_dir.glob("sweeps/*/plan.parquet"))
        raise ConfigError(f"sweep={sweep}: no such sweep in {results_dir}; there are {known or 'none'}")
    rows = store.read().to_pandas()
    columns = ["run_id", *RUN_FIELDS]
    planned = [read_plan(path).select(columns).to_pandas() for path in plans]
    everything = pd.concat([*planned, rows[columns].iloc[: 0 if sweep else None]]).drop_duplicates("run_id")
    merged: pd.DataFrame = everything.merge(rows.drop(columns=list(RUN_FIELDS)), on="run_id", how="left")
    merged["milestones"] = merged["milestones"].map(lambda epochs: ",".join(map(str, epochs)))
    return merged


def narrow(runs: pd.DataFrame, filters: Mapping[str, str]) -> pd.DataFrame:
    """The runs with one of the comma-separated values of every filter; raises `ConfigError` where none is left."""
    for name, values in filters.items():
        present = runs[name].unique()
        wanted = {values, *values.split(",")}  # milestones have commas of their own
        matching = [value for value in present if any(_equal(value, given) for given in wanted)]
        runs = runs[runs[name].isin(matching)]
        if runs.empty:
            raise ConfigError(f"{name}={values}: no run has it; there are {allowed(sorted(present))}")
    return runs


def _equal(value: object, given: str) -> bool:
    if isinstance(value, str | bool | np.bool_):
        return str(value).lower() == given.lower()
    try:
        return float(value) == float(given)  # type: ignore[arg-type]
    except ValueError:
        return False
