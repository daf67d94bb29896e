"""Test loss against the learning rate, a chart per optimizer: learning rates of two are not comparable."""

import altair as alt
import pandas as pd

from sweep.report.axes import Axis, find_axes
from sweep.report.charts.drawing import (
    Chart,
    Precisions,
    by_precision,
    data,
    make_chart,
    precision_colour,
    run_tooltip,
    x_of,
)


def learning_rate_charts(runs: pd.DataFrame, precisions: Precisions, axes: tuple[Axis, ...]) -> list[Chart]:
    """Makes a chart for each optimizer that was run with several learning rates."""
    charts = []
    for optimizer, group in runs.groupby("optimizer"):
        rates = [axis for axis in find_axes(group) if axis.name == "lr"]
        charts += [make_chart(f"{optimizer}", _losses(str(optimizer), rate, precisions, axes)) for rate in rates]
    return charts


def _losses(optimizer: str, rate: Axis, precisions: Precisions, axes: tuple[Axis, ...]) -> alt.Chart | alt.LayerChart:
    chosen = f"datum.optimizer == '{optimizer}' && datum.test_loss > 0"
    base = (
        alt.Chart(data("runs"))
        .transform_filter(chosen)
        .encode(x=x_of(rate), color=precision_colour(precisions, legend=True))
    )
    y = alt.Y("test_loss:Q", title="test loss (nats)", scale=alt.Scale(type="log", nice=False, padding=8))
    points = base.mark_circle(size=18, opacity=0.35, cursor="pointer").encode(
        y=y, tooltip=run_tooltip(axes, "test_loss")
    )
    if not rate.levels:
        return points.encode(x=alt.X("lr:Q", title="learning rate", scale=alt.Scale(type="log")))
    median = base.mark_line(point=True, strokeWidth=2.5).encode(y=alt.Y("median(test_loss):Q"))
    return (points + median).encode(xOffset=by_precision(precisions))
