"""Measures against the generalization gap: a scatter per measure, and how well each ranks the runs."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.config.measures import FORMS
from sweep.figures.drawing import colour, draw_cells, marker, new_figure, save
from sweep.figures.measured import MeasuredFigure
from sweep.figures.ranking import MEASURES, POOLS, rank
from sweep.tables.labels import precision_name

WIDE = 20.0  # the axis is logarithmic where the largest value is this many times the smallest
_SHORT = {"all": "all runs", "full precision": "FP32 only"}


class Ranking(MeasuredFigure):
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        """Writes ranking.csv, the picture of it, and a scatter for each measure."""
        ranking = rank(found)
        paths = save(draw_ranking(ranking), folder, "ranking")
        ranking.to_csv(folder / "ranking.csv", index=False)
        for measure in MEASURES:
            name = f"scatter-{measure.replace('_', '-')}"
            paths += save(draw_scatter(found, ranking, measure), folder, name)
        return [folder / "ranking.csv", *paths]


def draw_scatter(runs: pd.DataFrame, ranking: pd.DataFrame, measure: str) -> Figure:
    """Raw and folded beside each other, a point per run."""
    figure = new_figure(9, 4.4)
    for axes, form in zip(figure.subplots(1, 2, sharey=True), FORMS, strict=True):
        _draw_points(axes, runs, f"{form}_{measure}")
        taus = [_taus(line) for _, line in ranking.query("measure == @measure and form == @form").iterrows()]
        axes.set_title("\n".join([f"{form} weights", *taus]), fontsize=9)
        axes.set_xlabel(measure.replace("_", " "))
    figure.axes[0].set_ylabel("generalization gap (nats)")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    return figure


def _draw_points(axes: Axes, runs: pd.DataFrame, column: str) -> None:
    for bits in sorted(runs["bits"].unique(), reverse=True):
        points = runs[runs["bits"] == bits]
        style = {"color": colour(bits), "marker": marker(bits), "label": precision_name(bits)}
        axes.scatter(points[column], points["gap"], s=22, alpha=0.8, **style)  # type: ignore[arg-type]
    values = runs[column].dropna()
    if len(values) and values.min() > 0 and values.max() > WIDE * values.min():
        axes.set_xscale("log")
    axes.grid(alpha=0.3)


def _taus(line: pd.Series) -> str:
    return f"{_SHORT[line['pool']]} (n={line['n']}): τ {_signed(line['tau'])}, granulated {_signed(line['granulated'])}"


def _signed(value: float) -> str:
    return "undefined" if np.isnan(value) else f"{value:+.2f}"


def draw_ranking(ranking: pd.DataFrame) -> Figure:
    """Tau, the granulated tau, and its part per axis, of every measure."""
    figure = new_figure(12, 0.42 * len(MEASURES) * 2 + 1.5)
    for axes, (form, pool) in zip(figure.subplots(2, 2).flat, [(f, p) for p in POOLS for f in FORMS], strict=True):
        chosen = ranking[(ranking["form"] == form) & (ranking["pool"] == pool)].set_index("measure")
        by_axis = chosen.filter(like="granulated_").dropna(axis="columns", how="all")
        cells = chosen[["tau", "granulated"]].join(by_axis)
        draw_cells(axes, cells.rename(columns=lambda name: name.replace("granulated_", "by ")), 1, "{:+.2f}")
        axes.set_title(f"{form} weights, {_SHORT[pool]} (n={chosen['n'].max()})", fontsize=10)
    return figure


PART = Ranking(name="ranking", meaning="Which measure predicts the generalization gap: Kendall's tau, and granulated.")
