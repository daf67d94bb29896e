"""QReg Figures 2, 4 and 5: accuracy of quantized networks less that at full precision, by corruption."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sweep.config.checks import ConfigError
from sweep.figures.drawing import draw_cells, new_figure, save
from sweep.figures.figure import Figure as FigurePart
from sweep.tables.distortions import BLOCK, IMAGES, distortion_table
from sweep.tables.gaps import ALPHA
from sweep.tables.labels import names_of, precision
from sweep.tables.parts.qreg_table1 import PART as QREG_TABLE

CLEAN = "clean"
LARGEST = 10.0  # percentage points at which the colours end, at least


class Corruptions(FigurePart):
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        return save(draw_corruptions(runs, found), folder, "corruptions")


def corruption_cells(runs: pd.DataFrame, distortions: pd.DataFrame) -> pd.DataFrame:
    """Returns `distortion_table` over all severities, with lines of the clean test images as the corruption `clean`."""
    clean = distortion_table(runs, _clean(runs, distortions), over_severities=True)
    return pd.concat([clean, distortion_table(runs, distortions, over_severities=True)], ignore_index=True)


def _clean(runs: pd.DataFrame, distortions: pd.DataFrame) -> pd.DataFrame:
    evaluated = distortions[["run_id", *IMAGES, "code"]].drop_duplicates(["run_id", *IMAGES])
    both = evaluated.merge(runs[["run_id", "test_loss", "test_acc"]], on="run_id")
    return both.rename(columns={"test_loss": "distorted_loss", "test_acc": "distorted_acc"}).assign(
        corruption=CLEAN, severity=1
    )


def draw_corruptions(runs: pd.DataFrame, distortions: pd.DataFrame) -> Figure:
    """A panel per network and setting; a column per precision; * where a paired t-test has p < 0.05.

    Beneath are the mean over the corruptions and, where the network is QReg's, what it printed. Raises `ConfigError`.
    """
    table = corruption_cells(runs, distortions)
    quantized = table[table["pairs"] > 0]
    if quantized.empty:
        raise ConfigError("figure corruptions needs quantized runs and the same at 32 bits: none were evaluated")
    printed = _printed(QREG_TABLE.lines(runs, distortions))
    panels = [(block, group) for block, group in quantized.groupby(list(BLOCK), sort=False)]
    figure = new_figure(2.2 + 3.2 * len(panels), 7.5)
    for axes, (block, group) in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        changes, marks = _matrix(group, "acc_change") * 100, _matrix(group, "acc_change_t_p") < ALPHA
        mean = changes.drop(index=CLEAN).mean()
        changes.loc["mean of corruptions"] = mean
        changes.loc["mean, QReg"] = printed.get(block, pd.Series(dtype=float)).reindex(changes.columns)
        changes = changes.dropna(how="all")
        draw_cells(axes, changes, max(LARGEST, np.nanmax(np.abs(changes))), "{:+.1f}", marks.reindex(changes.index))
        axes.set_title(_title(group.iloc[0], table, int(group["pairs"].max())), fontsize=9)
    severities = ",".join(str(severity) for severity in sorted(distortions["severity"].unique()))
    figure.suptitle(
        f"test accuracy less that at full precision, percentage points,\nmean over severity {severities}; red: "
        f"quantized is better; * paired t-test p < {ALPHA}",
        fontsize=10,
    )
    return figure


def _matrix(group: pd.DataFrame, column: str) -> pd.DataFrame:
    """By corruption and precision, in the order of the table."""
    labelled = group.assign(precision=group.apply(precision, axis=1))
    matrix = labelled.pivot(index="corruption", columns="precision", values=column)
    return matrix.loc[labelled["corruption"].unique(), labelled["precision"].unique()]


def _printed(table: pd.DataFrame) -> dict[tuple[object, ...], pd.Series]:
    """By block: the published accuracy less the published one at full precision, in points, by precision."""
    found = {}
    for block, group in table.groupby(list(BLOCK), sort=False):
        published = group.assign(precision=group.apply(precision, axis=1)).set_index("precision")["published_acc"]
        found[block] = 100 * (published - published.iloc[0])
    return found


def _title(line: pd.Series, table: pd.DataFrame, pairs: int) -> str:
    names = {**names_of(line, table, BLOCK), "corruption_constants": line["corruption_constants"]}
    return "\n".join([" ".join([names.pop("dataset"), names.pop("model")]), ", ".join(names.values()), f"n={pairs}"])


PART = Corruptions(
    name="corruptions",
    meaning="Accuracy of quantized networks less that at full precision, by corruption.",
    paper="QReg Figures 2, 4 and 5",
    kind="distort",
)
