"""Means with their confidence interval, and tests of paired runs."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
Values = NDArray[np.float64]


def standard_error(values: Values) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values))) if len(values) > 1 else np.nan


def interval(values: Values) -> tuple[float, float, float]:
    """Mean and its 95 % confidence interval (Student's t); nan where there are too few values."""
    if not len(values):
        return np.nan, np.nan, np.nan
    half = stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1) * standard_error(values) if len(values) > 1 else np.nan
    return values.mean(), values.mean() - half, values.mean() + half


def p_values(differences: Values) -> tuple[float, float]:
    """That paired runs do not differ: by the t-test and by Wilcoxon's signed ranks, two-sided; nan for fewer than 2."""
    if len(differences) < 2 or not differences.std():
        return np.nan, np.nan
    t = differences.mean() / standard_error(differences)
    return float(2 * stats.t.sf(abs(t), len(differences) - 1)), float(stats.wilcoxon(differences).pvalue)


def pairs(group: pd.DataFrame, full: pd.DataFrame, agree_in: list[str]) -> pd.DataFrame:
    """Runs of `group` beside those of `full`, whose columns end in _full, that agree in these hyperparameters."""
    return group.merge(full, on=agree_in, suffixes=("", "_full"))


def change_columns(name: str, differences: Values) -> dict[str, Any]:
    """Returns the number of paired differences, their mean, its 95 % interval, and the p-values of both tests."""
    mean, low, high = interval(differences)
    t_p, wilcoxon_p = p_values(differences)
    return {
        "pairs": len(differences),
        name: mean,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_t_p": t_p,
        f"{name}_wilcoxon_p": wilcoxon_p,
    }
