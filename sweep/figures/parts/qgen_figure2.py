"""QGen Figure 2: filter-normalized loss landscapes of one run at several precisions."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from sweep.config.checks import ConfigError
from sweep.config.datasets import printed_name
from sweep.config.measures import FORMS
from sweep.config.run import RUN_FIELDS
from sweep.figures.drawing import new_figure, save
from sweep.figures.measured import MeasuredFigure
from sweep.tables.grouping import PRECISION
from sweep.tables.labels import network_name, precision_name

LEVELS = 14  # of the contours
COLOURS = "viridis"
_IN_TITLE = ("optimizer", "lr", "weight_decay", "seed")


class Landscapes(MeasuredFigure):
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        """One of each form of the weights."""
        drawn = {form: draw_landscapes(found, form) for form in FORMS}
        return [path for form in FORMS for path in save(drawn[form], folder, f"figure2-landscape-{form}")]


def draw_landscapes(runs: pd.DataFrame, form: str) -> Figure:
    """Surface above, contours below, a column per precision; all share one logarithmic scale of the loss.

    Of the runs with a landscape the first that has it at the most precisions: narrow `runs` for another.
    """
    chosen = same_run(runs[runs[f"{form}_landscape"].map(len) > 0])
    grids = [loss_grid(landscape) for landscape in chosen[f"{form}_landscape"]]
    scale = LogNorm(min(loss.min() for _, loss in grids), max(loss.max() for _, loss in grids))
    figure, columns = new_figure(3.3 * len(grids) + 0.8, 6.6), len(grids)
    for column, ((axis, loss), bits) in enumerate(zip(grids, chosen["bits"], strict=True), start=1):
        surface = figure.add_subplot(2, columns, column, projection="3d")
        surface.set_title(f"{precision_name(bits)}, loss {loss[len(axis) // 2, len(axis) // 2]:.3f}")
        _draw_surface(surface, axis, loss, scale)
        _draw_contours(figure.add_subplot(2, columns, columns + column), axis, loss, scale)
    colours = ScalarMappable(scale, cmap=COLOURS)
    figure.colorbar(colours, ax=figure.axes, label="training loss (nats)", shrink=0.8, format="%.3g")
    figure.suptitle(_title(chosen.iloc[0], form))
    return figure


def _draw_surface(axes: Any, axis: np.ndarray, loss: np.ndarray, scale: LogNorm) -> None:
    """Heights are logarithms: Matplotlib has no logarithmic third axis."""
    x, y = np.meshgrid(axis, axis, indexing="ij")
    low, high = np.log10(_ends(scale))
    axes.plot_surface(x, y, np.log10(loss), cmap=COLOURS, vmin=low, vmax=high, rcount=len(axis), ccount=len(axis))
    axes.set_zlim(low, high)
    axes.set_zlabel("log10 loss", fontsize=8)


def _draw_contours(axes: Axes, axis: np.ndarray, loss: np.ndarray, scale: LogNorm) -> None:
    x, y = np.meshgrid(axis, axis, indexing="ij")
    levels = np.geomspace(*_ends(scale), LEVELS + 1)
    axes.contourf(x, y, loss, levels=levels, norm=scale, cmap=COLOURS)
    axes.contour(x, y, loss, levels=levels, colors="white", linewidths=0.4)
    axes.plot(0, 0, "+", color="red")
    axes.set_aspect("equal")
    axes.set_xlabel("direction 1 (filter norms)")
    axes.set_ylabel("direction 2")


def _ends(scale: LogNorm) -> tuple[float, float]:
    assert scale.vmin is not None and scale.vmax is not None
    return scale.vmin, scale.vmax


def _title(run: pd.Series, form: str) -> str:
    values = ", ".join(f"{name} {run[name]}" for name in _IN_TITLE)
    return f"{network_name(run)} on {printed_name(run['dataset'])}, {values}, {form} weights"


def same_run(runs: pd.DataFrame) -> pd.DataFrame:
    if runs.empty:
        raise ConfigError("figure 2 needs landscapes: measure with measure.landscape_points=21")
    others = [name for name in RUN_FIELDS if name not in PRECISION]
    groups = [group for _, group in runs.groupby(others)]
    return max(groups, key=len).sort_values("bits", ascending=False)


def loss_grid(landscape: Any) -> tuple[np.ndarray, np.ndarray]:
    """The values of x and y (points,) and the loss (points, points), x by rows."""
    axis = np.array(sorted({point["x"] for point in landscape}))
    loss = np.array([point["loss"] for point in landscape])
    return axis, loss.reshape(len(axis), len(axis))


PART = Landscapes(
    name="2", meaning="Filter-normalized loss landscapes of one run at several precisions.", paper="QGen Figure 2"
)
