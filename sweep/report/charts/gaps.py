"""A chosen quantity, the gap at first, against precision: over all runs and by every axis."""

from collections.abc import Sequence
from typing import Any

import altair as alt

from sweep.report.axes import Axis
from sweep.report.charts.drawing import (
    GREY,
    Chart,
    Precisions,
    by_precision,
    data,
    make_chart,
    precision_colour,
    run_tooltip,
    x_of,
)  # fmt: skip

STRANDS = 16  # lines that all pairs are drawn as: one for each would take seconds with many runs
# What the page can put in the column `value`.
QUANTITIES = {
    "gap": "generalization gap (nats)",
    "gap_change": "gap less the gap of the same run at full precision (nats)",
    "test_loss": "test loss (nats)",
    "train_loss": "training loss (nats)",
    "test_acc": "test accuracy (share of 1)",
    "train_acc": "training accuracy (share of 1)",
    "seconds": "time of a run (s)",
}


def gap_charts(precisions: Precisions, axes: Sequence[Axis]) -> list[Chart]:
    charts = [make_chart("All runs", _all_runs(precisions, axes))]
    for axis in axes:
        draw = _by_level if axis.levels else _by_number
        charts.append(make_chart(f"By {axis.name}", draw(axis, precisions, axes)))
    return charts


def _value(of: str = "value") -> alt.Y:
    return alt.Y(f"{of}:Q", title=None, scale=alt.Scale(zero=False))


def _all_runs(precisions: Precisions, axes: Sequence[Axis]) -> alt.LayerChart:
    labels = [each["label"] for each in precisions]
    x = alt.X("quantization:N", sort=labels, title=None, scale=alt.Scale(domain=labels), axis=alt.Axis(labelAngle=0))
    return _strips({"x": x}, axes, precision_colour(precisions))


def _by_level(axis: Axis, precisions: Precisions, axes: Sequence[Axis]) -> alt.LayerChart:
    place = {"x": x_of(axis), "xOffset": by_precision(precisions)}
    return _strips(place, axes, precision_colour(precisions, legend=True))


def _strips(place: dict[str, Any], axes: Sequence[Axis], colour: alt.Color) -> alt.LayerChart:
    """A point per run, lines through the runs that differ in precision alone, and the quartiles."""
    links = alt.Chart(data("links")).mark_line(strokeWidth=0.7, opacity=0.25, color=GREY)
    lines = links.encode(y=_value(), detail="strand:N", order="at:Q", **place)
    base = _known().encode(color=colour, **place)
    points = base.mark_circle(size=16, opacity=0.3, cursor="pointer")
    quartiles = base.mark_bar(size=8, opacity=0.6).encode(y=_value("q1(value)"), y2="q3(value):Q")
    median = base.mark_tick(size=16, thickness=3, orient="horizontal").encode(y=_value("median(value)"))
    return lines + quartiles + median + points.encode(y=_value(), tooltip=run_tooltip(axes, "value"))


def _known() -> alt.Chart:
    return alt.Chart(data("runs")).transform_filter("isValid(datum.value)")


def _by_number(axis: Axis, precisions: Precisions, axes: Sequence[Axis]) -> alt.Chart:
    points = _known().mark_circle(size=22, opacity=0.6, cursor="pointer").encode(x=x_of(axis), y=_value())
    return points.encode(color=precision_colour(precisions, legend=True), tooltip=run_tooltip(axes, "value"))
