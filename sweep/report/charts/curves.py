"""Training and test curves of the chosen run and of its partners at other precisions."""

import altair as alt

from sweep.report.charts.drawing import Chart, Precisions, data, make_chart, precision_colour

_QUANTITIES = {"loss": "loss (nats)", "acc": "accuracy (share of 1)"}


def curve_charts(precisions: Precisions) -> list[Chart]:
    return [make_chart(title, _curve(name, title, precisions)) for name, title in _QUANTITIES.items()]


def _curve(name: str, title: str, precisions: Precisions) -> alt.Chart:
    split = alt.StrokeDash(
        "split:N", scale=alt.Scale(domain=["train", "test"], range=[[1, 0], [4, 3]]), legend=alt.Legend(title=None)
    )
    width = alt.StrokeWidth("chosen:N", scale=alt.Scale(domain=[True, False], range=[3, 1.2]), legend=None)
    return (
        alt.Chart(data("curves"))
        .transform_filter(f"isValid(datum.{name})")
        .mark_line()
        .encode(
            x=alt.X("epoch:Q", title="epoch"),
            y=alt.Y(f"{name}:Q", title=title, scale=alt.Scale(zero=False)),
            color=precision_colour(precisions, legend=True),
            strokeDash=split,
            strokeWidth=width,
            detail="run_id:N",
            tooltip=[
                "quantization:N",
                "split:N",
                "epoch:Q",
                alt.Tooltip(f"{name}:Q", format=".4g"),
                alt.Tooltip("short:N", title="run"),
            ],
        )
    )
