"""QReg Table 1: accuracy under all corruptions, and its improvement over full precision."""

import numpy as np
import pandas as pd

from sweep.config.datasets import has_published_corruptions
from sweep.config.distorting import CORRUPTIONS
from sweep.tables.counts import count_cells
from sweep.tables.distortions import (
    BLOCK,
    CELL,
    IMAGES,
    blocks,
    by_precision,
    general_notes,
    listed,
    mean_and_change,
    mean_over,
    mean_over_seeds,
    pairs_with_full,
    sorted_lines,
)
from sweep.tables.formats import number, with_error
from sweep.tables.labels import names_of, precision
from sweep.tables.pairs import interval
from sweep.tables.published import paper_keys, read_published
from sweep.tables.table import Table

_ACC, _EQ5 = "accuracy on corrupted %", "error improvement (eq. 5) [95 %]"
_METRICS = {"avg_accuracy_augmented": "published_acc", "error_improvement_eq5": "published_improvement"}
_LINE = ["dataset", "model", "precision"]


class ErrorImprovementTable(Table):
    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """Returns lines as `distortion_table`, of the mean accuracy (a share of 1) over all corruptions and severities.

        `improvement` is QReg's eq. 5, 100 log10((1 - f) / (1 - q)) with the accuracies f at full precision and q, of
        every pair of runs; its mean and 95 % confidence interval. `corruptions` and `severities` say what `acc` is
        over; runs that lack any of these are missing. `published_acc` and `published_improvement` are null where the
        paper has no such cell.
        """
        every = mean_over_seeds(found)
        lines = []
        for names, block in blocks(runs, mean_over(every, list(CELL)), []):
            cells = every[(every[list(IMAGES)] == [names[name] for name in IMAGES]).all(axis=1)]
            of = {"corruptions": cells["corruption"].nunique(), "severities": listed(cells["severity"])}
            for line, group, full in by_precision(block):
                lines.append(names | of | line | mean_and_change(group, full, "acc") | _improvement(group, full))
        return self._beside_published(sorted_lines(lines, list(BLOCK)))

    def _beside_published(self, lines: pd.DataFrame) -> pd.DataFrame:
        tidy = read_published(self.published).replace({"metric": _METRICS})
        printed = tidy.pivot(index=_LINE, columns="metric", values="value")
        printed = printed.assign(published_acc=printed["published_acc"] / 100)
        keys = paper_keys(lines, self.published)
        images = zip(lines["dataset"], lines["corruption_constants"], strict=True)
        are_papers = pd.Series([has_published_corruptions(*each) for each in images], lines.index)
        keys["dataset"] = keys["dataset"].where(are_papers & (lines["corruptions"] == len(CORRUPTIONS)))
        return lines.join(keys[_LINE].join(printed, on=_LINE)[list(_METRICS.values())])

    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Mean ± standard error, the improvement and its interval."""
        shown = []
        for _, line in lines.iterrows():
            names = names_of(line, lines, BLOCK)
            shown.append({**names, "precision": precision(line), **count_cells(line, lines), **_cells(line)})
            if pd.notna(line["published_acc"]):
                published = {
                    _ACC: number(100 * line["published_acc"], 2),
                    _EQ5: number(line["published_improvement"], 2),
                }
                shown.append({**dict.fromkeys(names, ""), "precision": "  published", **published})
        return pd.DataFrame(shown).fillna("")

    def notes(self, lines: pd.DataFrame) -> list[str]:
        corruptions, severities = lines["corruptions"].iloc[0], lines["severities"].iloc[0]
        return [
            *general_notes(lines),
            f"accuracy: mean over {corruptions} corruptions at severity {severities}; error improvement: 100 log10 of "
            f"FP32's error over the quantized one's, per pair of runs",
        ]


def _improvement(evaluated: pd.DataFrame, full: pd.DataFrame) -> dict[str, float]:
    paired = pairs_with_full(evaluated, full)
    ratio = (1 - paired["acc_full"]) / (1 - paired["acc"])
    mean, low, high = interval(100 * np.log10(ratio.to_numpy(dtype=float)))
    return {"improvement": mean, "improvement_low": low, "improvement_high": high}


def _cells(line: pd.Series) -> dict[str, str]:
    cells = {_ACC: with_error(100 * line["acc"], 100 * line["acc_se"], 2)}
    if not line["pairs"]:
        return cells
    cells[_EQ5] = f"{line['improvement']:+.2f}"
    if pd.notna(line["improvement_low"]):
        cells[_EQ5] += f" [{line['improvement_low']:+.2f}, {line['improvement_high']:+.2f}]"
    return cells | {"pairs": str(line["pairs"])}


PART = ErrorImprovementTable(
    name="qreg1",
    meaning="Accuracy over all corruptions, and QReg's error improvement over full precision.",
    paper="QReg Table 1",
    kind="distort",
    published="qreg_table1",
    in_report=True,
)
