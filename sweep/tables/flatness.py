"""QGen Tables 2 and 3: norms and sharpness-based measures by network and precision, for raw and folded weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.measuring import BOUNDS, FORMS, MEASURE_FIELDS, SCALE_OF
from sweep.tables.generalization import AVERAGED, PRECISION, SETTING, most_codes
from sweep.tables.pairs import interval, pairs, standard_error

NORMS = ("l2_norm", "distance")
METRICS = {"2": NORMS, "3": BOUNDS}
NETWORK = ("depth", "width")
AVERAGED_RUNS = tuple(name for name in AVERAGED if name not in NETWORK)
MEASURE_SETTING = tuple(f"measure_{name}" for name in MEASURE_FIELDS if name != "seed")
BLOCK = (*SETTING, *NETWORK)


def flatness_table(runs: pd.DataFrame, measures: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """One line per data set, network, setting, precision, measure settings and form of the weights.

    `runs` as `select.planned_and_stored` gives them, `measures` as `select.stored_measures`. Columns: what defines
    the line; `n`, the runs that were measured, and of the others `missing` (not trained or not measured),
    `failed` and `diverged`; `threshold_missed` of the n; and of every metric, over the runs that have it: mean,
    standard error, their number `_n`, and how many of their searches hit a `_limit` or were `_unconverged`
    otherwise; `_ratio`, the geometric mean of its ratio to full precision over `_pairs` of runs that agree in all
    else, with its 95 % confidence interval (Student's t of the logarithm). Measure seeds are averaged per run.
    """
    lines = []
    for chosen, rows in measures.groupby(list(MEASURE_SETTING), sort=True):
        per_run = _per_run(rows, metrics)
        for setting, block in runs.groupby(list(BLOCK), sort=True):
            joined = block.merge(per_run, on="run_id", how="left")
            if joined["measurements"].notna().any():
                names = dict(zip((*MEASURE_SETTING, *BLOCK), (*chosen, *setting), strict=True))
                lines += _block_lines(joined, names, metrics)
    table = pd.DataFrame(lines)
    table["_order"] = -table["bits"]
    order = [*BLOCK, *MEASURE_SETTING, "_order", *PRECISION]
    return table.sort_values(order, kind="stable").drop(columns="_order").reset_index(drop=True)


def _per_run(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Means over the measure seeds; flags are true where one is."""
    groups = rows.groupby("run_id")
    scales = sorted({SCALE_OF[metric] for metric in metrics if metric in SCALE_OF})
    values = groups[[f"{form}_{metric}" for form in FORMS for metric in metrics]].mean()
    for form in FORMS:
        values[f"{form}_threshold_missed"] = groups[f"{form}_threshold_missed"].agg(_any)
        for scale in scales:
            saturated = groups[f"{form}_{scale}_saturated"].agg(_any)
            values[f"{form}_{scale}_limit"] = saturated
            values[f"{form}_{scale}_unconverged"] = ~groups[f"{form}_{scale}_converged"].agg(_all) & ~saturated
    return values.assign(measurements=groups.size(), measure_code=groups["code"].first()).reset_index()


def _any(flags: pd.Series) -> bool:
    """Null where nothing was searched for, which is not true."""
    return bool((flags == True).any())  # noqa: E712


def _all(flags: pd.Series) -> bool:
    return bool((flags != False).all())  # noqa: E712


def _block_lines(block: pd.DataFrame, names: dict[str, Any], metrics: Sequence[str]) -> list[dict[str, Any]]:
    full = _measured(block[block["bits"] == FULL_PRECISION])
    lines = []
    for precision, group in block.groupby(list(PRECISION), sort=True):
        for form in FORMS:
            line = names | dict(zip(PRECISION, precision, strict=True)) | {"form": form} | _counts(group, form)
            for metric in metrics:
                line |= _cell(_measured(group), form, metric) | _ratio(
                    _measured(group), full, f"{form}_{metric}", metric
                )
            lines.append(line)
    return lines


def _measured(group: pd.DataFrame) -> pd.DataFrame:
    return group[group["measurements"].notna()]


def _counts(group: pd.DataFrame, form: str) -> dict[str, Any]:
    measured, status = _measured(group), group["status"]
    ended_otherwise = {name: int((status == name).sum()) for name in ("failed", "diverged")}
    return {
        "n": len(measured),
        "missing": len(group) - len(measured) - sum(ended_otherwise.values()),
        **ended_otherwise,
        "threshold_missed": int((measured[f"{form}_threshold_missed"] == True).sum()),  # noqa: E712
        "codes": most_codes(measured, "measure_code"),
        "run_ids": measured["run_id"].tolist(),
    }


def _cell(measured: pd.DataFrame, form: str, metric: str) -> dict[str, Any]:
    values = measured[f"{form}_{metric}"].to_numpy(dtype=float)
    have = ~np.isnan(values)
    n = int(have.sum())
    cell = {
        metric: values[have].mean() if n else np.nan,
        f"{metric}_se": standard_error(values[have]),
        f"{metric}_n": n,
    }
    for flag in ("limit", "unconverged") if metric in SCALE_OF else ():
        flagged = measured[f"{form}_{SCALE_OF[metric]}_{flag}"].to_numpy(dtype=bool)
        cell[f"{metric}_{flag}"] = int((flagged & have).sum())
    return cell


def _ratio(measured: pd.DataFrame, full: pd.DataFrame, column: str, metric: str) -> dict[str, Any]:
    """Of `column` against full precision, over runs that agree in every averaged hyperparameter."""
    is_full = (measured["bits"] == FULL_PRECISION).all()
    paired = pairs(measured, full, list(AVERAGED_RUNS))
    logs = np.log((paired[column] / paired[f"{column}_full"]).dropna().to_numpy(dtype=float))
    logs = logs[:0] if is_full else logs
    mean, low, high = interval(logs)
    return {
        f"{metric}_pairs": len(logs),
        f"{metric}_ratio": np.exp(mean),
        f"{metric}_ratio_low": np.exp(low),
        f"{metric}_ratio_high": np.exp(high),
    }
