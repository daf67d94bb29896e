"""What tables are made of: runs, and what their work left of them.

Weights that are another run's are called by what it is: those of every run in a grid differ, but not in kind.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import UNLESS
from sweep.config.transfer import OF_TRANSFER, RUN, origin_of
from sweep.config.work import Kind
from sweep.results.select import (
    narrow_measures,
    planned_and_stored,
    stored_distortions,
    stored_measures,
)
from sweep.tables.grouping import PRECISION, SETTING

KEYS = ("initial_weights", "teacher")
COMPARED = tuple(name for name in SETTING if name not in OF_TRANSFER)


def runs_of_tables(results_dir: Path, sweep: str, study: str = "") -> pd.DataFrame:
    """Reads runs as `planned_and_stored` does, and describes what they start from and learn from.

    Raises `ConfigError` where the directory, the sweep or the study has none.
    """
    runs = planned_and_stored(results_dir, sweep, study)
    return with_sources_described(runs, planned_and_stored(results_dir) if sweep or study else runs)


def found_by(kind: Kind, results_dir: Path, runs: pd.DataFrame, values: Mapping[str, str]) -> pd.DataFrame:
    """Returns what work of this `kind` left of `runs`: of training the runs themselves, else its rows by `values`.

    Raises `ConfigError` where there is none.
    """
    return _FOUND[kind](results_dir, runs, values)


def _measured(results_dir: Path, runs: pd.DataFrame, filters: Mapping[str, str]) -> pd.DataFrame:
    return narrow_measures(stored_measures(results_dir), runs, filters)


_FOUND: dict[Kind, Callable[[Path, pd.DataFrame, Mapping[str, str]], pd.DataFrame]] = {
    "train": lambda results_dir, runs, filters: runs,
    "measure": _measured,
    "distort": stored_distortions,
}


def with_sources_described(runs: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    """Returns `runs` with `run:ID` as what the run of that ID, one of `known`, is beside the run that has it.

    That is its precision, and the settings that it has and the other has not; what tables average over is left out. An
    ID that is not known stays.
    """
    rows = known.set_index("run_id")
    described = {
        key: [_described(run[key], run, rows) for _, run in runs.iterrows()] for key in KEYS if _any(runs[key])
    }
    return runs.assign(**described)


def _any(names: "pd.Series[str]") -> bool:
    return bool(names.str.startswith(f"{RUN}:").any())


def _described(name: str, run: pd.Series, rows: pd.DataFrame) -> str:
    run_id = name.partition(":")[2]
    if origin_of(name) != RUN or run_id not in rows.index:
        return name
    source = rows.loc[run_id]
    is_full = source["bits"] == source["act_bits"] == FULL_PRECISION
    precision = [] if is_full else [f"{n}={source[n]}" for n in PRECISION if source[n] != UNLESS.get(n)]
    others = [f"{n}={source[n]}" for n in COMPARED if source[n] != run[n]]
    nested = [f"{key}={origin_of(str(source[key]))}" for key in KEYS if source[key] != UNLESS[key]]
    return " ".join(["run at full precision" if is_full else "run", *precision, *others, *nested])
