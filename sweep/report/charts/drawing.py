"""What all charts share: data by name, colours, tooltips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import vl_convert

from sweep.report.axes import Axis

Precisions = Sequence[Mapping[str, str]]
HEIGHT = 240
GREY = "#888888"  # visible on white and on black
_STYLE = {
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "view": {"stroke": "transparent"},
    "axis": {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
    | {"gridColor": GREY, "gridOpacity": 0.25, "domainColor": GREY, "tickColor": GREY, "titleFontWeight": "normal"},
    "legend": {"labelColor": "currentColor", "titleColor": "currentColor", "labelFontSize": 12, "titleFontSize": 12}
    | {"orient": "top", "titleFontWeight": "normal", "symbolOpacity": 1},
}


@dataclass(frozen=True)
class Chart:
    """A Vega specification, what is written above it, and how wide it is."""

    title: str
    spec: dict[str, Any]
    wide: bool = False


def make_chart(title: str, drawn: alt.Chart | alt.LayerChart, height: int = HEIGHT, wide: bool = False) -> Chart:
    """Compiled here, which saves the browser the time. As wide as the page lets it be."""
    styled = drawn.properties(
        width="container", height=height, autosize=alt.AutoSizeParams(type="fit-x", contains="padding")
    )
    return Chart(title, vl_convert.vegalite_to_vega(styled.to_dict(), config=_STYLE), wide)


def data(name: str) -> alt.NamedData:
    return alt.NamedData(name=name)


def precision_colour(precisions: Precisions, legend: bool = False) -> alt.Color:
    scale = alt.Scale(domain=[each["label"] for each in precisions], range=[each["colour"] for each in precisions])
    return alt.Color("quantization:N", scale=scale, legend=alt.Legend(title=None, columns=4) if legend else None)


def by_precision(precisions: Precisions) -> alt.XOffset:
    """Beside each other within a value of x, always in the same place."""
    labels = [each["label"] for each in precisions]
    return alt.XOffset("quantization:N", sort=labels, scale=alt.Scale(domain=labels))


def x_of(axis: Axis) -> alt.X:
    """Values that many runs share stand beside each other; others on a scale of numbers."""
    if axis.levels:
        return alt.X(f"{axis.name}:O", sort=list(axis.levels), title=None, axis=alt.Axis(labelAngle=0))
    return alt.X(f"{axis.name}:Q", title=None, scale=alt.Scale(zero=False))


def run_tooltip(axes: Sequence[Axis], *values: str) -> list[alt.Tooltip]:
    """Names the run, so that it can be looked up."""
    names = [alt.Tooltip("short:N", title="run"), alt.Tooltip("quantization:N")]
    names += [alt.Tooltip(f"{axis.name}:N") for axis in axes]
    return names + [alt.Tooltip(f"{value}:Q", format=".4g") for value in values]
