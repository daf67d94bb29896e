"""Measures against the gap, how well each ranks the runs, step sizes by layer, loss landscapes."""

import math
from collections.abc import Sequence

import altair as alt
import pandas as pd

from sweep.config.measures import FORMS
from sweep.figures.ranking import MEASURES
from sweep.report.axes import Axis
from sweep.report.charts.drawing import Chart, Precisions, data, make_chart, precision_colour, run_tooltip

_ROW_PX = 26


def scatter(precisions: Precisions, axes: Sequence[Axis]) -> list[Chart]:
    """Makes a chart for every form of the weights; the reader chooses the measure."""
    return [make_chart(f"Gap against a measure, {form} weights", _scatter(form, precisions, axes)) for form in FORMS]


def _scatter(form: str, precisions: Precisions, axes: Sequence[Axis]) -> alt.Chart:
    names = {f"{form}_{measure}": measure.replace("_", " ") for measure in MEASURES}
    menu = alt.binding_select(options=list(names), labels=list(names.values()), name="Measure ")
    chosen = alt.param(name="measure", value=f"{form}_pacbayes_mag_orig", bind=menu)
    points = alt.Chart(data("measures")).transform_calculate(measured="datum[measure]")
    return (
        points.transform_filter("isValid(datum.measured) && isValid(datum.gap)")
        .mark_point(size=30, filled=True, opacity=0.7, cursor="pointer")
        .encode(
            x=alt.X("measured:Q", title="measure", scale=alt.Scale(zero=False)),
            y=alt.Y("gap:Q", title="generalization gap (nats)", scale=alt.Scale(zero=False)),
            color=precision_colour(precisions, legend=True),
            tooltip=run_tooltip(axes, "measured", "gap"),
        )
        .add_params(chosen)
    )


def ranking(ranked: pd.DataFrame) -> list[Chart]:
    """Draws rank correlations; `ranked` is as `sweep.figures.ranking.rank` gives it, over all runs."""
    cells = ranked[ranked["pool"] == "all"].melt(
        ["measure", "form"], ["tau", *ranked.filter(like="granulated").columns]
    )
    cells = cells.dropna().assign(
        variable=cells["variable"].str.replace("granulated_", "by ").str.replace("_", " "),
        measure=cells["measure"].str.replace("_", " "),
    )
    return [
        make_chart(
            f"Does the measure rank the gap? {form} weights", _cells(group), height=_ROW_PX * group["measure"].nunique()
        )
        for form, group in cells.groupby("form", sort=False)
    ]


def _cells(cells: pd.DataFrame) -> alt.LayerChart:
    base = alt.Chart(alt.Data(values=cells.round(3).to_dict("records"))).encode(
        x=alt.X("variable:N", sort=None, title=None, axis=alt.Axis(orient="top", labelAngle=-40)),
        y=alt.Y("measure:N", sort=None, title=None),
        tooltip=["measure:N", "variable:N", "value:Q"],
    )
    colour = alt.Color(
        "value:Q", scale=alt.Scale(domain=[-1, 0, 1], range=["#0072B2", "#88888822", "#D55E00"]), legend=None
    )
    return base.mark_rect().encode(color=colour) + base.mark_text(color="currentColor", fontSize=11).encode(
        text=alt.Text("value:Q", format="+.2f")
    )


def step_sizes(measures: pd.DataFrame, precisions: Precisions) -> list[Chart]:
    """QGen Figure 1: geometric mean over the runs, of quantized layers in the order of the network."""
    quantized = measures[measures["layers"].map(len) > 0]
    if quantized.empty:
        return []
    steps = quantized[["quantization", "layers", "step_sizes"]].explode(["layers", "step_sizes"])
    steps = steps.assign(
        log=steps["step_sizes"].astype(float).map(math.log), layers=steps["layers"].str.removesuffix(".weight")
    )
    means = steps.groupby(["quantization", "layers"], sort=False)["log"].agg(["mean", "size"]).reset_index()
    points = [
        {"quantization": p, "layer": layer, "step": float(f"{math.exp(mean):.4g}"), "runs": n}
        for p, layer, mean, n in means.itertuples(index=False)
    ]
    return [make_chart("Step size by layer", _steps(points, precisions))]


def _steps(points: list[dict[str, object]], precisions: Precisions) -> alt.Chart:
    return (
        alt.Chart(alt.Data(values=points))
        .mark_line(point=True)
        .encode(
            x=alt.X("layer:N", sort=None, title=None, axis=alt.Axis(labelAngle=-40)),
            y=alt.Y("step:Q", title="step size", scale=alt.Scale(type="log")),
            color=precision_colour(precisions, legend=True),
            tooltip=["quantization:N", "layer:N", "step:Q", "runs:Q"],
        )
    )
