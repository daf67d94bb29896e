"""Trained networks on corrupted test images, by precision: what QGen Tables 4 to 6 and QReg Table 1 share."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from sweep.config.checks import ConfigError
from sweep.config.distorting import CORRUPTIONS
from sweep.tables.counts import counts_of, incomplete_note, mixed_code_note
from sweep.tables.grouping import AVERAGED, PRECISION, SETTING, in_order, is_full
from sweep.tables.labels import common, with_note
from sweep.tables.pairs import change_columns, pairs, standard_error

IMAGES = ("corruption_source", "corruption_constants")
BLOCK = (*SETTING, *IMAGES)
VALUES = ("distorted_loss", "distorted_acc")
CELL = ("corruption", "severity")
METRICS = ("gap", "acc")


def distortion_table(runs: pd.DataFrame, distortions: pd.DataFrame, over_severities: bool = False) -> pd.DataFrame:
    """One line per data set, model, setting, source of the images, corruption, severity and precision.

    `runs` as `sources.runs_of_tables` gives them, `distortions` as `select.stored_distortions`. Columns: what defines
    the line; the counts of `counts_of`, of which n were evaluated and `at_chance` learned nothing; `gap`, the loss on
    the corrupted test images less that on the clean training images (QGen 4.3), and `acc`, the accuracy on the former,
    each with its standard error and with its `_change`, the mean difference to full precision over `pairs` of runs that
    agree in all else, its 95 % confidence interval and the p-values of the paired t-test and of Wilcoxon's. Seeds of a
    corruption are averaged per run. With `over_severities`, a line is of the mean over all severities, and runs that
    lack one are missing.
    """
    per_run = mean_over_seeds(distortions)
    if over_severities:
        severities = per_run.groupby(list(IMAGES))["severity"].agg(listed)
        per_run = mean_over(per_run, ["severity"]).join(severities, on=list(IMAGES))
    lines = []
    for names, block in blocks(runs, per_run, list(CELL)):
        for line, group, full in by_precision(block):
            changes = [mean_and_change(group, full, metric) for metric in METRICS]
            lines.append(names | line | changes[0] | changes[1])
    return sorted_lines(lines, [*BLOCK, "_corruption", "severity"])


def mean_over_seeds(distortions: pd.DataFrame) -> pd.DataFrame:
    """Means over the seeds of the corruption."""
    groups = distortions.groupby(["run_id", *IMAGES, *CELL])
    return groups.agg({**dict.fromkeys(VALUES, "mean"), "code": "first"}).reset_index()


def mean_over(per_run: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Means over all values of `names` that any run has on such images; without the runs that lack one."""
    kept = [name for name in ("run_id", *IMAGES, *CELL) if name not in names]
    groups = per_run.groupby(kept)
    means = groups.agg({**dict.fromkeys(VALUES, "mean"), "code": "first"}).assign(found=groups.size()).reset_index()
    wanted = per_run.drop_duplicates([*IMAGES, *names]).groupby(list(IMAGES)).size().rename("wanted")
    means = means.join(wanted, on=list(IMAGES))
    return means[means["found"] == means["wanted"]].drop(columns=["found", "wanted"])


def listed(severities: pd.Series) -> str:
    return ",".join(str(severity) for severity in sorted(severities.unique()))


def blocks(runs: pd.DataFrame, per_run: pd.DataFrame, cell: list[str]) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
    """Runs that differ in averaged hyperparameters and precision alone, with what they have on the same images."""
    for setting, of_setting in runs.groupby(list(SETTING), sort=True):
        for images, rows in per_run.groupby([*IMAGES, *cell], sort=True):
            block = of_setting.merge(rows.rename(columns={"code": "distort_code"}), on="run_id", how="left")
            if block["distort_code"].notna().any():
                block = block.assign(gap=block["distorted_loss"] - block["train_loss"], acc=block["distorted_acc"])
                yield dict(zip((*SETTING, *IMAGES, *cell), (*setting, *images), strict=True)), block


def _evaluated(block: pd.DataFrame) -> pd.DataFrame:
    return block[block["distort_code"].notna()]


def by_precision(block: pd.DataFrame) -> Iterator[tuple[dict[str, Any], pd.DataFrame, pd.DataFrame]]:
    """Yields for each precision of a block its names and counts, its evaluated runs, and those at full precision."""
    full = _evaluated(block[is_full(block)])
    for values, group in block.groupby(list(PRECISION), sort=True):
        evaluated = _evaluated(group)
        counts = counts_of(group, evaluated, "at_chance", "at_chance", "distort_code")
        yield dict(zip(PRECISION, values, strict=True)) | counts, evaluated, full


def mean_and_change(evaluated: pd.DataFrame, full: pd.DataFrame, metric: str) -> dict[str, Any]:
    values = evaluated[metric].to_numpy(dtype=float)
    paired = pairs_with_full(evaluated, full)
    differences = (paired[metric] - paired[f"{metric}_full"]).to_numpy(dtype=float)
    mean = values.mean() if len(values) else np.nan
    return {metric: mean, f"{metric}_se": standard_error(values), **change_columns(f"{metric}_change", differences)}


def pairs_with_full(evaluated: pd.DataFrame, full: pd.DataFrame) -> pd.DataFrame:
    """None of full precision itself."""
    return pairs(evaluated[~is_full(evaluated)], full, list(AVERAGED))


def sorted_lines(lines: list[dict[str, Any]], order: list[str]) -> pd.DataFrame:
    """Corruptions as the papers list them, full precision first; raises `ConfigError` where there are no lines."""
    if not lines:
        raise ConfigError(
            "no run was evaluated at all severities and corruptions that some run has: evaluate the rest with "
            "`python -m sweep.distort`, or give corruption=... severity=... that all have"
        )
    table = pd.DataFrame(lines)
    if "corruption" in table:
        ranks = {name: rank for rank, name in enumerate(CORRUPTIONS)}
        table = table.assign(_corruption=table["corruption"].map(ranks))
    return in_order(table, order).drop(columns="_corruption", errors="ignore")


def general_notes(table: pd.DataFrame) -> list[str]:
    """Returns the notes that hold for every table of corrupted images."""
    text = "some runs are missing (not trained or not evaluated) or failed; means are of the n"
    found = [with_note(common(table, BLOCK)), *incomplete_note(table, text)]
    if table["diverged"].any():
        found.append("some runs diverged: counted, not in the means")
    if table["at_chance"].any():
        found.append("AT CHANCE: of the n, so many never left chance level: their small gap is no robustness")
    return found + mixed_code_note(table, "distort")
