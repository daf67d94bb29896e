"""How well a measure ranks runs by their generalization gap: Kendall's tau and the granulated tau."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from sweep.config.bits import FULL_PRECISION
from sweep.config.measures import FORMS, ranked
from sweep.config.networks import SIZES
from sweep.config.run import RUN_FIELDS

MEASURES = ranked()
POOLS = ("all", "full precision")
# As long as each of these has one value of those.
_DECIDED_BY = {"momentum": "optimizer", "quantizer": "bits"} | dict.fromkeys(SIZES, "model")


def kendall(points: pd.DataFrame, measure: str) -> float:
    """Kendall's tau-b of `measure` and the gap, 1 where they rank alike; nan for a single value of either."""
    known = points[[measure, "gap"]].dropna()
    if known[measure].nunique() < 2 or known["gap"].nunique() < 2:
        return np.nan
    return float(stats.kendalltau(known[measure], known["gap"]).statistic)


def granulated(points: pd.DataFrame, measure: str, axes: Sequence[str]) -> dict[str, float]:
    """Returns by axis the mean of tau over the settings of all others (Jiang et al. 2019, psi_i); nan where none is.

    Only runs that differ in nothing but the axis are compared, so that an axis which moves both the measure and the
    gap earns nothing on the others. Psi of the paper is the mean over the axes, see `rank`.
    """
    return {axis: _mean([kendall(group, measure) for group in _groups(points, axis, axes)]) for axis in axes}


def _groups(points: pd.DataFrame, axis: str, axes: Sequence[str]) -> list[pd.DataFrame]:
    others = [other for other in axes if other != axis]
    return [group for _, group in points.groupby(others)] if others else [points]


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not np.isnan(value)]
    return float(np.mean(known)) if known else np.nan


def on_axes(runs: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Returns `runs` with hyperparameters as axes that vary independently of each other, and the names of these.

    Learning rates depend on the optimizer: they become levels within it, 0 the smallest, so that optimizers can be
    compared at one level.
    """
    runs = runs.assign(lr=runs.groupby("optimizer")["lr"].rank(method="dense") - 1)
    return runs, [name for name in RUN_FIELDS if runs[name].nunique() > 1 and not follows(runs, name)]


def follows(runs: pd.DataFrame, name: str) -> bool:
    """Returns whether another hyperparameter decides `name` among these runs."""
    return name in _DECIDED_BY and runs.groupby(_DECIDED_BY[name])[name].nunique().max() == 1


def rank(runs: pd.DataFrame) -> pd.DataFrame:
    """One line per measure, form of the weights and pool of runs: n, `tau`, `granulated` (the mean over the axes), and
    `granulated_<axis>`.

    `runs` have their science columns, `gap`, and the measures with prefix raw_ or folded_.
    """
    lines = []
    for pool in POOLS:
        chosen = runs if pool == "all" else runs[runs["bits"] == FULL_PRECISION]
        points, axes = on_axes(chosen)
        for measure, form in itertools.product(MEASURES, FORMS):
            line = _line(points, f"{form}_{measure}", axes)
            lines.append({"measure": measure, "form": form, "pool": pool, **line})
    return pd.DataFrame(lines)


def _line(points: pd.DataFrame, column: str, axes: Sequence[str]) -> dict[str, Any]:
    by_axis = granulated(points, column, axes)
    return {
        "n": int(points[column].notna().sum()),
        "tau": kendall(points, column),
        "granulated": _mean(list(by_axis.values())),
        **{f"granulated_{axis}": value for axis, value in by_axis.items()},
    }
