"""When runs ended."""

import altair as alt

from sweep.report.charts.drawing import Chart, Precisions, data, make_chart, precision_colour


def time_charts(precisions: Precisions) -> list[Chart]:
    ended = (
        alt.Chart(data("runs"))
        .transform_filter("isValid(datum.ended_at)")
        .transform_window(ended="row_number()", sort=[alt.SortField("ended_at")], groupby=["quantization"])
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("ended_at:T", title=None),
            y=alt.Y("ended:Q", title="runs ended"),
            color=precision_colour(precisions, legend=True),
        )
    )
    return [make_chart("Runs ended over time", ended)]
