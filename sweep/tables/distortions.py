"""QGen Tables 4 to 6 and QReg Table 1: trained networks on corrupted test images, by precision."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sweep.config.checks import ConfigError
from sweep.config.distorting import CORRUPTIONS
from sweep.tables.generalization import AVERAGED, PRECISION, SETTING, is_full, most_codes
from sweep.tables.pairs import change_columns, interval, pairs, standard_error

IMAGES = ("corruption_source", "corruption_constants")
BLOCK = (*SETTING, *IMAGES)
VALUES = ("distorted_loss", "distorted_acc")
CELL = ("corruption", "severity")
METRICS = ("gap", "acc")


def distortion_table(runs: pd.DataFrame, distortions: pd.DataFrame, over_severities: bool = False) -> pd.DataFrame:
    """One line per data set, model, setting, source of the images, corruption, severity and precision.

    `runs` as `select.planned_and_stored` gives them, `distortions` as `select.stored_distortions`. Columns: what
    defines the line; `n`, the runs that were evaluated, and of the others `missing` (not trained or not evaluated),
    `failed` and `diverged`; `at_chance`, those of the n that learned nothing; `gap`, the loss on the corrupted test
    images less that on the clean training images (QGen 4.3), and `acc`, the accuracy on the former, each with its
    standard error and with its `_change`, the mean difference to full precision over `pairs` of runs that agree in
    all else, its 95 % confidence interval and the p-values of the paired t-test and of Wilcoxon's. Seeds of a
    corruption are averaged per run. With `over_severities`, a line is of the mean over all severities, and runs
    that lack one are missing.
    """
    per_run = _per_run(distortions)
    if over_severities:
        severities = per_run.groupby(list(IMAGES))["severity"].agg(_range)
        per_run = _mean_over(per_run, ["severity"]).join(severities, on=list(IMAGES))
    lines = []
    for names, block in _blocks(runs, per_run, list(CELL)):
        full = _evaluated(block[is_full(block)])
        for precision, group in block.groupby(list(PRECISION), sort=True):
            lines.append({**names, **dict(zip(PRECISION, precision, strict=True)), **_counts(group)})
            for metric in METRICS:
                lines[-1] |= _cell(_evaluated(group), full, metric)
    return _sorted(lines, [*BLOCK, "_corruption", "severity"])


def error_improvement_table(runs: pd.DataFrame, distortions: pd.DataFrame) -> pd.DataFrame:
    """QReg Table 1: as `distortion_table`, for the mean accuracy over all corruptions and severities.

    `improvement` is QReg's eq. 5, 100 log10((1 - f) / (1 - q)) with the accuracies f at full precision and q, of
    every pair of runs; its mean and 95 % confidence interval. `corruptions` and `severities` say what `acc` is over;
    runs that lack any of these are missing.
    """
    every = _per_run(distortions)
    lines = []
    for names, block in _blocks(runs, _mean_over(every, list(CELL)), []):
        cells = every[(every[list(IMAGES)] == [names[name] for name in IMAGES]).all(axis=1)]
        of = {"corruptions": cells["corruption"].nunique(), "severities": _range(cells["severity"])}
        full = _evaluated(block[is_full(block)])
        for precision, group in block.groupby(list(PRECISION), sort=True):
            line = {**names, **of, **dict(zip(PRECISION, precision, strict=True)), **_counts(group)}
            lines.append(line | _cell(_evaluated(group), full, "acc") | _improvement(_evaluated(group), full))
    return _sorted(lines, list(BLOCK))


def _per_run(distortions: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of the corruption."""
    groups = distortions.groupby(["run_id", *IMAGES, *CELL])
    return groups.agg({**dict.fromkeys(VALUES, "mean"), "code": "first"}).reset_index()


def _mean_over(per_run: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Means over all values of `names` that any run has on such images; without the runs that lack one."""
    kept = [name for name in ("run_id", *IMAGES, *CELL) if name not in names]
    groups = per_run.groupby(kept)
    means = groups.agg({**dict.fromkeys(VALUES, "mean"), "code": "first"}).assign(found=groups.size()).reset_index()
    wanted = per_run.drop_duplicates([*IMAGES, *names]).groupby(list(IMAGES)).size().rename("wanted")
    means = means.join(wanted, on=list(IMAGES))
    return means[means["found"] == means["wanted"]].drop(columns=["found", "wanted"])


def _range(severities: pd.Series) -> str:
    return ",".join(str(severity) for severity in sorted(severities.unique()))


def _blocks(
    runs: pd.DataFrame, per_run: pd.DataFrame, cell: list[str]
) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Runs that differ in averaged hyperparameters and precision alone, with what they have on the same images."""
    for setting, of_setting in runs.groupby(list(SETTING), sort=True):
        for images, rows in per_run.groupby([*IMAGES, *cell], sort=True):
            block = of_setting.merge(rows.rename(columns={"code": "distort_code"}), on="run_id", how="left")
            if block["distort_code"].notna().any():
                block = block.assign(gap=block["distorted_loss"] - block["train_loss"], acc=block["distorted_acc"])
                yield dict(zip((*SETTING, *IMAGES, *cell), (*setting, *images), strict=True)), block


def _evaluated(block: pd.DataFrame) -> pd.DataFrame:
    return block[block["distort_code"].notna()]


def _counts(group: pd.DataFrame) -> dict[str, Any]:
    evaluated, status = _evaluated(group), group["status"]
    ended_otherwise = {name: int((status == name).sum()) for name in ("failed", "diverged")}
    return {
        "n": len(evaluated),
        "missing": len(group) - len(evaluated) - sum(ended_otherwise.values()),
        **ended_otherwise,
        "at_chance": int((evaluated["at_chance"] == True).sum()),  # noqa: E712  # null where nothing is known
        "codes": most_codes(evaluated, "distort_code"),
        "run_ids": evaluated["run_id"].tolist(),
    }


def _cell(evaluated: pd.DataFrame, full: pd.DataFrame, metric: str) -> dict[str, Any]:
    values = evaluated[metric].to_numpy(dtype=float)
    paired = _pairs(evaluated, full)
    differences = (paired[metric] - paired[f"{metric}_full"]).to_numpy(dtype=float)
    mean = values.mean() if len(values) else np.nan
    return {metric: mean, f"{metric}_se": standard_error(values), **change_columns(f"{metric}_change", differences)}


def _pairs(evaluated: pd.DataFrame, full: pd.DataFrame) -> pd.DataFrame:
    """None of full precision itself."""
    return pairs(evaluated[~is_full(evaluated)], full, list(AVERAGED))


def _improvement(evaluated: pd.DataFrame, full: pd.DataFrame) -> dict[str, float]:
    paired = _pairs(evaluated, full)
    ratio = (1 - paired["acc_full"]) / (1 - paired["acc"])
    mean, low, high = interval(100 * np.log10(ratio.to_numpy(dtype=float)))
    return {"improvement": mean, "improvement_low": low, "improvement_high": high}


def _sorted(lines: list[dict[str, Any]], order: list[str]) -> pd.DataFrame:
    """Corruptions as the papers list them, full precision first; raises `ConfigError` where there are no lines."""
    if not lines:
        raise ConfigError(
            "no run was evaluated at all severities and corruptions that some run has: evaluate the rest with "
            "`python -m sweep.distort`, or give corruption=... severity=... that all have"
        )
    table = pd.DataFrame(lines)
    ranks = {name: rank for rank, name in enumerate(CORRUPTIONS)}
    if "corruption" in table:
        table["_corruption"] = table["corruption"].map(ranks)
    table["_bits"] = -table["bits"]
    table = table.sort_values([*order, "_bits", *PRECISION], kind="stable")
    return table.drop(columns=["_bits", "_corruption"], errors="ignore").reset_index(drop=True)
