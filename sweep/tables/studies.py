"""A study's table: its runs under the names of a published table, beside the numbers printed there."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from sweep import PROJECT
from sweep.config.bits import FULL_PRECISION
from sweep.config.run import RUN_FIELDS
from sweep.config.studies import LABELS, Metric, Names, StudyTable
from sweep.tables.generalization import counts_of, finished_runs
from sweep.tables.published import DATASETS, network_name, precision_name

_NOT_IN_A_LINE = ("data_sha256", "seed")


def study_table(runs: pd.DataFrame, spec: StudyTable) -> pd.DataFrame:
    """One line per published name and science config less the seed, from `runs` with the columns of all metrics.

    Columns: `LABELS`, the science config, counts as in Table 1, of every metric, by its title, mean, standard error
    `_se` and the number `_n` of runs that have it, and `published_<title>`, null where the paper has no such cell.
    """
    named = runs.assign(**{f"line_{label}": _named(runs, label, spec.names[label]) for label in LABELS})
    science = [name for name in RUN_FIELDS if name not in _NOT_IN_A_LINE]
    published = _published(spec)
    lines = []
    for _, group in named.groupby([*(f"line_{label}" for label in LABELS), *science], sort=False):
        labels = {f"line_{label}": group[f"line_{label}"].iloc[0] for label in LABELS}
        cells = {key: value for metric in spec.metrics for key, value in _cell(group, metric, labels, published)}
        lines.append(labels | group[science].iloc[0].to_dict() | counts_of(group) | cells)
    return pd.DataFrame(lines)


def _named(runs: pd.DataFrame, label: str, names: Names) -> pd.Series:
    return runs.apply(
        lambda run: next((name for name, where in names.items() if _fits(run, where)), _own(run, label)), axis=1
    )


def _fits(run: pd.Series, where: Mapping[str, Any]) -> bool:
    return all(run[name] == value for name, value in where.items())


def _own(run: pd.Series, label: str) -> str:
    """What we call a run that the published table has no name for."""
    if label == "precision":
        weights_only = run["act_bits"] == FULL_PRECISION
        return precision_name(run["bits"]) if weights_only else f"W{run['bits']}A{run['act_bits']}"
    if label == "model":
        return network_name(run)
    if label == "dataset":
        return DATASETS.get(run["dataset"], str(run["dataset"]))
    rule = "" if run["rule"] == "plain" else f" by {run['rule']}"
    return f"{run['quantizer']}{rule}" if label == "method" else ""


def _cell(group: pd.DataFrame, metric: Metric, labels: Mapping[str, str], published: "pd.Series[float]") -> Any:
    values = finished_runs(group)[metric.column].dropna().to_numpy(dtype=float) * metric.scale
    option = metric.option or labels["line_option"]
    key = (*(labels[f"line_{label}"] for label in LABELS[:-1]), option, metric.name)
    yield metric.title, values.mean() if len(values) else np.nan
    yield f"{metric.title}_se", values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    yield f"{metric.title}_n", len(values)
    yield f"published_{metric.title}", published.get(key, np.nan)


def _published(spec: StudyTable) -> "pd.Series[float]":
    """By `LABELS` and the metric's name; empty for a study that is not a paper's."""
    if not spec.published:
        return pd.Series(dtype=float)
    tidy = pd.read_csv(PROJECT / "results" / "published" / f"{spec.published}.csv", keep_default_na=False)
    values = pd.to_numeric(tidy.set_index([*LABELS, "metric"])["value"], errors="coerce")  # some cells are empty
    return values[~values.index.duplicated()]  # SAQ Table 3 has a damaged line twice
