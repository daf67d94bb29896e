"""Accuracy and gap on corrupted test images, by corruption, severity and precision."""

import math
from collections.abc import Sequence

import altair as alt

from sweep.config.distorting import SEVERITIES
from sweep.report.charts.drawing import GREY, Chart, Precisions, data, make_chart, precision_colour

_ROW_PX = 24
_FAINT = f"{GREY}22"
# What a cell shows: its title, number format and colours from low to high; two colours diverge from 0.
QUANTITIES = {
    "acc": ("accuracy on corrupted images", ".2f", [_FAINT, "#009E73"]),
    "acc_change": ("accuracy less that of the same run at full precision", "+.3f", ["#D55E00", _FAINT, "#0072B2"]),
    "gap": ("loss on corrupted test images less loss on clean training images (nats)", ".2f", [_FAINT, "#D55E00"]),
}


def corruption_charts(
    precisions: Precisions, corruptions: Sequence[str], severities: Sequence[int], largest_change: float
) -> list[Chart]:
    """Makes the maps. Colours end at `largest_change` of the accuracy, a share of 1; nan where no run has a partner."""
    maps = [
        make_chart(
            f"{title[0].upper()}{title[1:]}",
            _map(name, precisions, corruptions, largest_change),
            height=_ROW_PX * len(corruptions),
        )
        for name, (title, _, _) in QUANTITIES.items()
        if name != "acc_change" or not math.isnan(largest_change)
    ]
    return [*maps, make_chart("Accuracy by severity", _by_severity(precisions))] if len(severities) > 1 else maps


def _map(name: str, precisions: Precisions, corruptions: Sequence[str], largest_change: float) -> alt.LayerChart:
    """Means over the runs and, unless the reader chooses one, the severities."""
    _, number_format, colours = QUANTITIES[name]
    labels = [each["label"] for each in precisions]
    menu = alt.binding_select(options=[0, *SEVERITIES], labels=["all", *map(str, SEVERITIES)], name="Severity ")
    severity = alt.param(name="severity", value=0, bind=menu)
    base = (
        alt.Chart(data("corruptions"))
        .transform_filter(f"isValid(datum.{name}) && (severity == 0 || datum.severity == severity)")
        .transform_aggregate(mean=f"mean({name})", runs="max(runs)", groupby=["corruption", "quantization"])
        .encode(
            x=alt.X("quantization:N", sort=labels, title=None, axis=alt.Axis(labelAngle=0, orient="top")),
            y=alt.Y("corruption:N", sort=list(corruptions), title=None),
            tooltip=["corruption:N", "quantization:N", alt.Tooltip("mean:Q", format=".4g"), "runs:Q"],
        )
    )
    ends = {"domain": [-largest_change, 0, largest_change], "clamp": True} if len(colours) == 3 else {}
    colour = alt.Color("mean:Q", scale=alt.Scale(range=colours, **ends), legend=None)
    text = base.mark_text(color="currentColor", fontSize=11).encode(text=alt.Text("mean:Q", format=number_format))
    return (base.mark_rect().encode(color=colour) + text).add_params(severity)


def _by_severity(precisions: Precisions) -> alt.Chart:
    return (
        alt.Chart(data("corruptions"))
        .mark_line(point=True)
        .encode(
            x=alt.X("severity:O", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("mean(acc):Q", title="accuracy (share of 1)", scale=alt.Scale(zero=False)),
            color=precision_colour(precisions, legend=True),
            tooltip=["quantization:N", "severity:O", alt.Tooltip("mean(acc):Q", format=".4g")],
        )
    )
