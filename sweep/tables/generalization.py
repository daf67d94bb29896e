"""QGen Table 1: accuracy, loss and generalization gap by precision, averaged over a grid of hyperparameters."""

from typing import Any

import numpy as np
import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.chosen import KINDS
from sweep.config.run import PRECISION_FIELDS, RUN_FIELDS
from sweep.tables.pairs import interval, pairs, standard_error

# What the paper averages over. Everything else that differs makes a line of its own.
AVERAGED = ("optimizer", "lr", "weight_decay", "momentum", "width", "depth", "seed")
PRECISION = PRECISION_FIELDS
SETTING = tuple(name for name in RUN_FIELDS if name not in (*AVERAGED, *PRECISION))
METRICS = ("train_acc", "test_acc", "train_loss", "test_loss", "gap")


def generalization_table(runs: pd.DataFrame) -> pd.DataFrame:
    """One line per data set, model, setting and precision, from `runs` as `select.planned_and_stored` gives them.

    Columns: the science columns that define the line; `n`, the finished runs that the means are over, and the
    others by what became of them: `missing`, `failed`, `diverged`; `at_chance`, those of the n that learned
    nothing; mean and standard error of every metric; `gap_change`, the mean difference of the gap to full
    precision over `pairs` runs that agree in all else, with its 95 % confidence interval (Student's t);
    `run_ids` of the n.
    """
    lines = []
    for setting, block in runs.groupby(list(SETTING), sort=True):
        full = finished_runs(block[is_full(block)])
        for precision, group in block.groupby(list(PRECISION), sort=True):
            names = dict(zip((*SETTING, *PRECISION), (*setting, *precision), strict=True))
            lines.append(names | counts_of(group) | _means(group) | _change(group, full))
    table = pd.DataFrame(lines)
    order = {FULL_PRECISION: 0}
    table["_order"] = [order.get(bits, FULL_PRECISION - bits) for bits in table["bits"]]
    table = table.sort_values(["dataset", "model", *SETTING, "_order"], kind="stable")
    return table.drop(columns="_order").reset_index(drop=True)


def is_full(group: pd.DataFrame) -> "pd.Series[bool]":
    return (group["bits"] == FULL_PRECISION) & (group["act_bits"] == FULL_PRECISION)


# Rows that are alike in these have one code, unless it was edited between them.
_OF_ONE_CODE = (*(kind.key for kind in KINDS), "dataset", "teacher", "initial_weights", "engine")


def most_codes(rows: pd.DataFrame, column: str = "code") -> int:
    """The most versions of code by which rows with the same parts were made."""
    names = [name for name in _OF_ONE_CODE if name in rows]
    return int(rows.groupby(names, dropna=False)[column].nunique().max()) if len(rows) else 0


def finished_runs(group: pd.DataFrame) -> pd.DataFrame:
    return group[group["status"] == "finished"]


def counts_of(group: pd.DataFrame) -> dict[str, Any]:
    status = group["status"]
    finished = finished_runs(group)
    return {
        "n": len(finished),
        "missing": int(status.isna().sum()),
        "failed": int((status == "failed").sum()),
        "diverged": int((status == "diverged").sum()),
        "at_chance": int((finished["at_chance"] == True).sum()),  # noqa: E712  # null where nothing is known
        "codes": most_codes(finished),
        "run_ids": finished["run_id"].tolist(),
    }


def _means(group: pd.DataFrame) -> dict[str, float]:
    finished = finished_runs(group)
    means = {}
    for metric in METRICS:
        values = finished[metric].to_numpy(dtype=float)
        means[metric] = values.mean() if len(values) else np.nan
        means[f"{metric}_se"] = standard_error(values)
    return means


def _change(group: pd.DataFrame, full: pd.DataFrame) -> dict[str, float]:
    """Of the gap against full precision, over runs that agree in every averaged hyperparameter."""
    paired = pairs(finished_runs(group), full, list(AVERAGED))
    differences = (paired["gap"] - paired["gap_full"]).to_numpy(dtype=float)
    differences = differences[:0] if is_full(group).all() else differences
    mean, low, high = interval(differences)
    return {"pairs": len(differences), "gap_change": mean, "gap_change_low": low, "gap_change_high": high}
