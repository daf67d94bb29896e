"""What became of the runs: by precision, and where in the grid each outcome lies."""

from collections.abc import Sequence

import altair as alt

from sweep.report.axes import OUTCOMES, Axis
from sweep.report.charts.drawing import GREY, Chart, Precisions, data, make_chart

_COLOURS = ("#009E73", "#E69F00", "#CC79A7", "#D55E00", GREY)
_ROW_PX = 24


def outcome_bars(precisions: Precisions) -> list[Chart]:
    labels = [each["label"] for each in precisions]
    return [make_chart("Runs by outcome", _bars(labels), height=34 * len(labels))]


def outcome_map(precisions: Precisions, axes: Sequence[Axis]) -> list[Chart]:
    """None where nothing varies but the precision."""
    levels = [f"{axis.name}={level}" for axis in axes for level in axis.levels]
    if not levels:
        return []
    drawn = _map([each["label"] for each in precisions], [axis.name for axis in axes if axis.levels], levels)
    return [make_chart("Where in the grid", drawn, height=_ROW_PX * len(levels))]


def _bars(labels: list[str]) -> alt.Chart:
    outcome = alt.Color(
        "outcome:N",
        scale=alt.Scale(domain=list(OUTCOMES), range=list(_COLOURS)),
        legend=alt.Legend(title=None, columns=3),
    )
    bars = alt.Chart(data("runs")).transform_calculate(order=f"indexof({list(OUTCOMES)}, datum.outcome)").mark_bar()
    y = alt.Y("quantization:N", sort=labels, title=None, scale=alt.Scale(domain=labels))
    count = alt.X("count():Q", title="runs", axis=alt.Axis(tickMinStep=1))
    return bars.encode(
        y=y, x=count, color=outcome, order="order:Q", tooltip=["quantization:N", "outcome:N", "count():Q"]
    )


def _map(labels: list[str], names: list[str], levels: list[str]) -> alt.LayerChart:
    """The share of runs with the outcome that the reader chooses."""
    menu = alt.binding_select(options=[one for one in OUTCOMES if one != "finished"], name="Show runs that are ")
    chosen = alt.param(name="shown", value="diverged", bind=menu)
    base = (
        alt.Chart(data("runs"))
        .transform_fold(names, as_=["axis", "level"])
        .transform_calculate(place="datum.axis + '=' + datum.level", hit="datum.outcome == shown ? 1 : 0")
        .transform_aggregate(hits="sum(hit)", runs="count()", groupby=["place", "quantization"])
        .transform_calculate(share="datum.hits / datum.runs", text="datum.hits + ' of ' + datum.runs")
        .encode(
            x=alt.X("quantization:N", sort=labels, title=None, axis=alt.Axis(labelAngle=0, orient="top")),
            y=alt.Y("place:N", sort=levels, title=None, axis=alt.Axis(labelLimit=200)),
            tooltip=["place:N", "quantization:N", "hits:Q", "runs:Q"],
        )
    )
    share = alt.Color(
        "share:Q", scale=alt.Scale(type="sqrt", domain=[0, 1], range=["#88888822", "#D55E00"]), legend=None
    )
    return (
        base.mark_rect().encode(color=share) + base.mark_text(color="currentColor").encode(text="text:N")
    ).add_params(chosen)
