"""The runs that a table is about: what was planned and what is stored, narrowed by values."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sweep.config import outside
from sweep.config.checks import ConfigError, allowed
from sweep.config.chosen import PART_CLASSES
from sweep.config.measuring import KEY_OF, MEASURE_SETTINGS, UNLESS
from sweep.config.run import RUN_FIELDS
from sweep.results.paths import ResultsDir
from sweep.results.plans import read_plan, study_of
from sweep.results.rows import Store, distortions_store, measures_store, rows_store, shards
from sweep.terminal import shell_command


@dataclass(frozen=True)
class Selection:
    """A choice of the runs of a results directory: of one sweep, with these ids and values; what is empty is all.

    `run_ids` may be shortened. `values` are texts by hyperparameter, several of one separated by commas.
    """

    sweep: str = ""
    run_ids: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)

    def among(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Returns the chosen of the sweep's `runs`; raises `ConfigError` where an id or a value is of none."""
        return narrow(_with_ids(runs, self.run_ids) if self.run_ids else runs, self.values)


def make_selection(texts: Mapping[str, object]) -> Selection:
    """The selection of a command line: `run_id`, `sweep` and hyperparameters by name."""
    values = {name: str(value) for name, value in texts.items()}
    sweep, run_ids = values.pop("sweep", ""), values.pop("run_id", None)
    return Selection(sweep, () if run_ids is None else tuple(run_ids.split(",")), values)


def selected_runs(results_dir: Path, selection: Selection) -> pd.DataFrame:
    """The selected ones of `planned_and_stored`; raises `ConfigError`."""
    return selection.among(planned_and_stored(results_dir, selection.sweep))


def _with_ids(runs: pd.DataFrame, run_ids: Sequence[str]) -> pd.DataFrame:
    """The runs with these ids, which may be shortened; raises `ConfigError`."""
    found = []
    for prefix in run_ids:
        matching = runs[runs["run_id"].str.startswith(prefix)]
        if not prefix or len(matching) != 1:
            raise ConfigError(
                f"run_id={prefix}: {len(matching) or 'no'} runs have it; give the column run_id of the rows, or "
                f"enough of its first characters"
            )
        found.append(matching)
    return pd.concat(found).drop_duplicates("run_id")


def planned_and_stored(results_dir: Path, sweep: str = "", study: str = "") -> pd.DataFrame:
    """One line per run that a plan names or that has a row; `status` is null where it has none.

    With `sweep`, only the runs of the sweep of that id; with `study`, of the sweeps of that study. Raises
    `ConfigError`.
    """
    store = rows_store(results_dir)
    if not store.path.exists():
        raise ConfigError(f"results_dir={results_dir}: no rows there; `python -m sweep.run` writes them")
    sweeps = ResultsDir(results_dir).sweeps()
    plans = [one.plan for one in sweeps if sweep in ("", one.sweep_id)]
    if sweep and not plans:
        known = allowed(one.sweep_id for one in sweeps)
        raise ConfigError(f"sweep={sweep}: no such sweep in {results_dir}; there are {known}")
    if study:
        plans = [path for path in plans if study_of(path) == study]
        if not plans:
            train = shell_command("sweep.run", "-m", study=study)
            raise ConfigError(f"study={study}: no sweep of it in {results_dir}; `{train}` trains it")
    stored_rows = store.read().to_pandas()
    rows = _of_declared(store, stored_rows)
    columns = ["run_id", *RUN_FIELDS]
    planned = [read_plan(path).select(columns).to_pandas() for path in plans]
    everything = pd.concat([*planned, rows[columns].iloc[: 0 if sweep or study else None]]).drop_duplicates("run_id")
    everything = everything[~everything["run_id"].isin(set(stored_rows["run_id"]) - set(rows["run_id"]))]
    merged: pd.DataFrame = everything.merge(rows.drop(columns=list(RUN_FIELDS)), on="run_id", how="left")
    merged["milestones"] = merged["milestones"].map(lambda epochs: ",".join(map(str, epochs)))
    return merged


def _of_declared(store: Store, rows: pd.DataFrame) -> pd.DataFrame:
    """`rows` without those that differ in what no part here declares: no mean may hide it.

    Says on standard error which are left out. Raises `ConfigError` where all are.
    """
    modules = {c.name: c.declared_by for c in store.undeclared(shards(store.path)) if c.declared_by}
    if not modules:
        return rows
    values = store.with_columns_of(shards(store.path)).read([store.key, *modules]).to_pandas().set_index(store.key)
    made_of = [rows[each.key].to_numpy() for each in PART_CLASSES]
    differing = values.loc[rows[store.key]].groupby(made_of, dropna=False).transform("nunique") > 1  # null: not read
    is_left_out = differing.any(axis=1).to_numpy()
    if is_left_out.any():
        _say_undeclared(store, {name: modules[name] for name in modules if differing[name].any()}, is_left_out)
    left: pd.DataFrame = rows[~is_left_out]
    return left


def _say_undeclared(store: Store, modules: Mapping[str, str], is_left_out: "np.ndarray[Any, Any]") -> None:
    listed = ",".join(sorted(set(modules.values())))
    why = (
        f"{allowed(modules)}, which no part here declares. Make {listed} known: install the package, or say "
        f"{outside.VARIABLE}={listed} in the environment"
    )
    if is_left_out.all():
        raise ConfigError(f"results_dir={store.results_dir}: its rows have {why}")
    print(f"left out: {is_left_out.sum()} runs that differ in {why}", file=sys.stderr)


def stored_measures(results_dir: Path) -> pd.DataFrame:
    """Does as `finished_measures`; raises `ConfigError` where there is none."""
    measures = finished_measures(results_dir)
    return _not_empty(measures, results_dir, "nothing was measured there; `python -m sweep.measure` does it")


def finished_measures(results_dir: Path) -> pd.DataFrame:
    """One line per finished measurement. Lists of settings are texts; those newer than a row are at their defaults."""
    measures = _finished(measures_store(results_dir))
    lists = [f"measure_{name}" for name, each in MEASURE_SETTINGS.items() if isinstance(each.neutral, tuple)]
    texts = {name: measures[name].map(lambda values: ",".join(f"{value:g}" for value in values)) for name in lists}
    later = {f"measure_{name}": measures[f"measure_{name}"].fillna(unless) for name, unless in UNLESS.items()}
    return measures.assign(**texts, **later)


def with_measures(runs: pd.DataFrame, measures: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Returns `runs` with the `columns` of `measures` among them, null where not measured; means over measure settings.

    `raw_linf_box@0.001` is the column's value at that radius, `step_sizes@mean` the mean of a list.
    """
    needed = [column for column in columns if column not in runs]
    if not needed:
        return runs
    values = pd.DataFrame({column: _measured(measures, column) for column in needed})
    return runs.merge(values.groupby(measures["run_id"]).mean(), on="run_id", how="left")


def _measured(measures: pd.DataFrame, column: str) -> "pd.Series[float]":
    name, _, of = column.partition("@")
    if not of:
        return measures[name].astype(float)
    if of == "mean":
        values = [np.mean(each) if len(each) else np.nan for each in measures[name]]
    else:
        radii = [map(float, each.split(",")) for each in measures["measure_linf_radii"]]
        pairs = zip(radii, measures[name], strict=True)
        values = [dict(zip(*pair, strict=True)).get(float(of)) for pair in pairs]
    return pd.Series(values, measures.index, dtype=float)


def stored_distortions(results_dir: Path, runs: pd.DataFrame, filters: Mapping[str, str]) -> pd.DataFrame:
    """One line per evaluation of `runs` on corrupted images with the values of `filters`; raises `ConfigError`."""
    none = "no run was evaluated on corrupted images there; `python -m sweep.distort` does it"
    distortions = _not_empty(finished_distortions(results_dir), results_dir, none)
    of_runs = distortions[distortions["run_id"].isin(runs["run_id"])]
    if of_runs.empty:
        raise ConfigError(f"none of the {len(runs)} runs was evaluated on corrupted images; `python -m sweep.distort`")
    return narrow(of_runs, filters)


def finished_distortions(results_dir: Path) -> pd.DataFrame:
    """One line per evaluation on corrupted images."""
    return _finished(distortions_store(results_dir))


def _finished(store: Store) -> pd.DataFrame:
    rows = store.read().to_pandas() if store.path.exists() else store.schema.empty_table().to_pandas()
    finished: pd.DataFrame = rows[rows["status"] == "finished"]
    return finished


def _not_empty(rows: pd.DataFrame, results_dir: Path, none: str) -> pd.DataFrame:
    if rows.empty:
        raise ConfigError(f"results_dir={results_dir}: {none}")
    return rows


def narrow(runs: pd.DataFrame, filters: Mapping[str, str]) -> pd.DataFrame:
    """The runs with one of the comma-separated values of every filter; raises `ConfigError` where none is left."""
    for name, values in filters.items():
        present = runs[name].unique()
        wanted = {values, *values.split(",")}  # milestones have commas of their own
        matching = [value for value in present if any(_equal(value, text) for text in wanted)]
        runs = runs[runs[name].isin(matching)]
        if runs.empty:
            raise ConfigError(f"{name}={values}: no run has it; there are {allowed(sorted(present))}")
    return runs


def narrow_measures(measures: pd.DataFrame, runs: pd.DataFrame, filters: Mapping[str, str]) -> pd.DataFrame:
    """The measurements of `runs` with the settings of `filters`, by the keys of commands."""
    of_runs = measures[measures["run_id"].isin(runs["run_id"])]
    if of_runs.empty:
        raise ConfigError(f"none of the {len(runs)} runs was measured; `python -m sweep.measure` does it")
    columns = {key: column for column, key in KEY_OF.items()}
    return narrow(of_runs, {columns[key]: values for key, values in filters.items()})


def _equal(value: object, text: str) -> bool:
    if isinstance(value, str | bool | np.bool_):
        return str(value).lower() == text.lower()
    try:
        return float(value) == float(text)  # type: ignore[arg-type]
    except ValueError:
        return False
