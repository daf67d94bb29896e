"""QGen Figure 2: filter-normalized loss landscapes of one run at several precisions."""

from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from sweep.config.measures import FORMS
from sweep.figures.parts.qgen_figure2 import loss_grid, same_run
from sweep.report.axes import SHORT
from sweep.report.charts.drawing import Chart, make_chart

_HEIGHT = 260


def landscape_charts(measured: pd.DataFrame) -> list[Chart]:
    """Draws the first run that has them at the most precisions; each form of the weights has one logarithmic scale."""
    return [chart for form in FORMS for chart in _of_form(measured, f"{form}_landscape", form)]


def _of_form(measured: pd.DataFrame, column: str, form: str) -> list[Chart]:
    with_landscape = measured[measured[column].map(len) > 0]
    if with_landscape.empty:
        return []
    chosen = same_run(with_landscape)
    grids = [loss_grid(points)[1] for points in chosen[column]]
    ends = np.geomspace(min(map(np.min, grids)), max(map(np.max, grids)), 3)
    scale = alt.Scale(type="log", scheme="viridis", domain=ends[[0, -1]].tolist())
    legend = alt.Legend(title="training loss (nats)", values=ends.tolist(), format=".2~r", gradientLength=180)
    colour = alt.Color("loss:Q", scale=scale, legend=legend)
    titles = [
        f"Loss landscape, {form} weights, {name}, run {run[:SHORT]}"
        for name, run in zip(chosen["quantization"], chosen["run_id"], strict=True)
    ]
    return [
        make_chart(title, _cells(points, run, colour), _HEIGHT)
        for title, run, points in zip(titles, chosen["run_id"], chosen[column], strict=True)
    ]


def _cells(points: Any, run_id: str, colour: alt.Color) -> alt.Chart:
    values = [{name: float(f"{point[name]:.4g}") for name in ("x", "y", "loss")} for point in points]
    axis = alt.Axis(values=[-1, -0.5, 0, 0.5, 1], labelAngle=0)
    return (
        alt.Chart(alt.Data(values=values))
        .transform_calculate(short=f"'{run_id[:SHORT]}'")
        .mark_rect()
        .encode(
            x=alt.X("x:O", title="direction 1 (filter norms)", axis=axis),
            y=alt.Y("y:O", sort="descending", title="direction 2", axis=axis),
            color=colour,
            tooltip=["x:Q", "y:Q", "loss:Q"],
        )
    )
