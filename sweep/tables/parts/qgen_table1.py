"""QGen Table 1: accuracy, loss and generalization gap by precision, averaged over a grid of hyperparameters."""

import numpy as np
import pandas as pd

from sweep.config.run import UNLESS
from sweep.tables.counts import count_cells, counts_of, incomplete_note, mixed_code_note
from sweep.tables.formats import number, with_error
from sweep.tables.grouping import AVERAGED, PRECISION, SETTING, finished_runs, in_order, is_full
from sweep.tables.labels import common, names_of, precision, with_note
from sweep.tables.pairs import interval, pairs, standard_error
from sweep.tables.published import by_line, paper_keys
from sweep.tables.table import Table

CHANGE = "gap - FP32 gap [95 %]"
# Name of the cell, factor to its unit, digits: the papers print two of a percentage and three of a loss.
METRICS = {
    "train_acc": ("train acc %", 100, 2),
    "test_acc": ("test acc %", 100, 2),
    "train_loss": ("train loss", 1, 3),
    "test_loss": ("test loss", 1, 3),
    "gap": ("gap", 1, 3),
}


class GeneralizationTable(Table):
    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """One line per data set, model, setting and precision.

        Columns: the science columns that define the line; the counts of `counts_of`, of which n finished and
        `at_chance` learned nothing; mean and standard error `_se` of every metric; `gap_change`, the mean difference of
        the gap to full precision over `pairs` of runs that agree in all else, with its 95 % confidence interval
        (Student's t); `published_<metric>`, null where the paper has no such cell.
        """
        lines = []
        for setting, block in runs.groupby(list(SETTING), sort=True):
            full = finished_runs(block[is_full(block)])
            for of_precision, group in block.groupby(list(PRECISION), sort=True):
                names = dict(zip((*SETTING, *PRECISION), (*setting, *of_precision), strict=True))
                finished = finished_runs(group)
                counts = counts_of(group, finished, "at_chance", "at_chance")
                lines.append(names | counts | _means(finished) | _change(finished, full))
        return self._beside_published(in_order(pd.DataFrame(lines), ["dataset", "model", *SETTING]))

    def _beside_published(self, lines: pd.DataFrame) -> pd.DataFrame:
        keys = paper_keys(lines, self.published)
        published = keys.join(printed(self.published), on=list(keys.columns))[list(METRICS)]
        return lines.join(published.add_prefix("published_"))

    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Mean ± standard error, and under each line the published one where there is one."""
        shown = []
        for _, line in lines.iterrows():
            names = names_of(line, lines, SETTING)
            shown.append({**names, "precision": precision(line), **count_cells(line, lines), **_cells(line)})
            if pd.notna(line["published_gap"]):
                shown.append({**dict.fromkeys(names, ""), "precision": "  published", **_published_cells(line)})
        return pd.DataFrame(shown).fillna("")

    def notes(self, lines: pd.DataFrame) -> list[str]:
        same = common(lines, SETTING)
        told = {name: value for name, value in same.items() if name not in UNLESS or value != UNLESS[name]}
        text = "of {planned} runs {missing} have no result yet and {failed} failed; the means are over the others"
        found = [with_note(told), *incomplete_note(lines, text)]
        if lines["diverged"].any():
            found.append(f"{lines['diverged'].sum()} runs diverged: counted, not in the means")
        if lines["at_chance"].any():
            found.append(f"{lines['at_chance'].sum()} runs never left chance level: in the means")
        return found + mixed_code_note(lines, self.kind)


def printed(name: str) -> pd.DataFrame:
    """The paper's table by data set, model, method and precision, in our units."""
    published = by_line(name, {"generalization": "gap"})
    return pd.DataFrame({metric: published[metric] / scale for metric, (_, scale, _) in METRICS.items()})


def _means(finished: pd.DataFrame) -> dict[str, float]:
    means = {}
    for metric in METRICS:
        values = finished[metric].to_numpy(dtype=float)
        means[metric] = values.mean() if len(values) else np.nan
        means[f"{metric}_se"] = standard_error(values)
    return means


def _change(finished: pd.DataFrame, full: pd.DataFrame) -> dict[str, float]:
    """Of the gap against full precision, over runs that agree in every averaged hyperparameter; none of full itself."""
    paired = pairs(finished[~is_full(finished)], full, list(AVERAGED))
    mean, low, high = interval((paired["gap"] - paired["gap_full"]).to_numpy(dtype=float))
    return {"pairs": len(paired), "gap_change": mean, "gap_change_low": low, "gap_change_high": high}


def _cells(line: pd.Series) -> dict[str, str]:
    cells = {
        title: with_error(line[name] * scale, line[f"{name}_se"] * scale, digits)
        for name, (title, scale, digits) in METRICS.items()
    }
    if line["pairs"]:
        cells[CHANGE] = f"{line['gap_change']:+.3f}"
        if pd.notna(line["gap_change_low"]):
            cells[CHANGE] += f" [{line['gap_change_low']:+.3f}, {line['gap_change_high']:+.3f}]"
        cells["pairs"] = str(line["pairs"])
    return cells


def _published_cells(line: pd.Series) -> dict[str, str]:
    return {
        title: number(line[f"published_{name}"] * scale, digits) for name, (title, scale, digits) in METRICS.items()
    }


PART = GeneralizationTable(
    name="1",
    meaning="Accuracy, loss and generalization gap by precision.",
    paper="QGen Table 1",
    published="qgen_table1",
    in_report=True,
)
