"""The one HTML file: words, tables, charts, data and the code that draws them."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd
import vl_convert

from sweep.config.run import RUN_FIELDS
from sweep.report.axes import SHORT, precisions, text_of
from sweep.report.charts.gaps import QUANTITIES, STRANDS
from sweep.report.contents import CURVE_METRICS, Contents
from sweep.report.corruptions import cells_of_runs
from sweep.report.sections import Section

_FOLDER = Path(__file__).parent
DIGITS, CURVE_DIGITS = 5, 4  # significant ones, of what charts draw
LISTED = 100  # rows of the list of runs; the filter brings up others
_METRICS = (
    *QUANTITIES,
    "best_epoch",
    "last_train_loss",
    "last_test_loss",
    "last_train_acc",
    "last_test_acc",
    "last_gap",
)
_LABELS = ("run_id", "quantization", "outcome", "pair", "setting", "status")
_CIRCUMSTANCES = ("ended_at", "attempt", "epochs_trained", "engine", "array_size", "images_per_s", "device", "threads")
_HIDDEN = ("short", "pair", "setting", "value", "ended_at")


def render(
    title: str, lead: Sequence[str], contents: Contents, sections: Sequence[Section], tables: dict[str, pd.DataFrame]
) -> str:
    """Returns the HTML. `tables` are the charts' data by name, besides runs and curves; each has a column `run_id`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER), autoescape=True, undefined=jinja2.StrictUndefined
    )
    charts = [chart.spec for section in sections for chart in section.charts]
    numbers = iter(range(len(charts)))
    return environment.get_template("page.html").render(
        title=title,
        lead=lead,
        sections=[
            {**vars(section), "charts": [(next(numbers), chart) for chart in section.charts]} for section in sections
        ],
        quantities=QUANTITIES,
        settings=contents.runs["setting"].value_counts().index.tolist(),
        filters=_filters(contents),
        list=_listed(contents),
        css=(_FOLDER / "page.css").read_text(),
        script=_script(),
        data=_json(_data(contents, charts, tables)),
    )


@cache
def _script() -> str:
    """Vega, what draws with it, and ours."""
    return str(vl_convert.javascript_bundle((_FOLDER / "page.js").read_text())).replace("</script", "<\\/script")


def _filters(contents: Contents) -> dict[str, Sequence[str]]:
    labels = [each["label"] for each in precisions(contents.runs)]
    return {"quantization": labels} | {axis.name: axis.levels for axis in contents.axes if axis.levels}


def _listed(contents: Contents) -> list[str]:
    axes = [axis.name for axis in contents.axes]
    return [
        "short",
        "quantization",
        *axes,
        "outcome",
        "gap",
        "gap_change",
        "train_loss",
        "test_loss",
        "test_acc",
        "seconds",
    ]


def _data(contents: Contents, charts: list[dict[str, Any]], tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    runs, same = _runs(contents)
    curves = _curves(contents.curves)
    first = next((run for run in runs["short"] if run in curves["of"]), runs["short"].iloc[0])
    return {
        "charts": charts,
        "runs": _columns(runs),
        "same": same,
        "tables": {name: _columns(_short(table)) for name, table in tables.items()},
        "curves": curves,
        "corruptions": _corruptions(contents),
        "first": first,
        "labels": [each["label"] for each in precisions(contents.runs)],
        "axes": [axis.name for axis in contents.axes],
        "list": _listed(contents),
        "listed": LISTED,
        "strands": STRANDS,
        "linked": ["short", "quantization", "gap", *(axis.name for axis in contents.axes)],
        "hidden": _HIDDEN,
    }


def _runs(contents: Contents) -> tuple[pd.DataFrame, dict[str, str]]:
    """What the page knows of every run, and the hyperparameters that are the same in all."""
    runs = contents.runs
    varying = [name for name in RUN_FIELDS if runs[name].nunique() > 1]
    levels = {axis.name: runs[axis.name].map(text_of) for axis in contents.axes if axis.levels}
    same = {name: text_of(runs[name].iloc[0]) for name in RUN_FIELDS if name not in varying}
    known = runs.assign(**levels, short=runs["run_id"].str[:SHORT], ended_at=_milliseconds(runs["ended_at"]))
    return known[["short", *_LABELS, *varying, *_METRICS, *_CIRCUMSTANCES]], same


def _milliseconds(times: pd.Series) -> pd.Series:
    """Since 1970, as browsers count."""
    return ((times - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(milliseconds=1)).astype("Int64")


def _short(table: pd.DataFrame) -> pd.DataFrame:
    """With the first 12 digits of the run id, which the page knows runs by."""
    return table.assign(short=table["run_id"].str[:SHORT]).drop(columns="run_id")


def _curves(curves: pd.DataFrame) -> dict[str, Any]:
    """Per run the number of its list of epochs, and the values at these; most runs share their epochs."""
    epochs: dict[tuple[int, ...], int] = {}
    of = {}
    for run_id, curve in curves.groupby("run_id"):
        number = epochs.setdefault(tuple(curve["epoch"]), len(epochs))
        of[str(run_id)[:SHORT]] = [number, *(_values(curve[name], CURVE_DIGITS) for name in CURVE_METRICS)]
    return {"epochs": [list(each) for each in epochs], "of": of}


def _corruptions(contents: Contents) -> dict[str, Any]:
    found = cells_of_runs(contents)
    short = {run_id[:SHORT]: [_values(values, CURVE_DIGITS) for values in each] for run_id, each in found["of"].items()}
    return found | {"of": short}


def rounded(values: pd.Series, digits: int) -> pd.Series:
    """Rounds to so many significant digits; what is not finite stays."""
    numbers = values.to_numpy(dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = 10.0 ** (digits - 1 - np.floor(np.log10(np.abs(numbers))))
        kept = np.where(np.isfinite(scale), np.round(numbers * scale) / scale, numbers)
    return pd.Series(kept, values.index)


def _columns(table: pd.DataFrame) -> dict[str, Any]:
    return {"names": list(table), "columns": [_values(table[name]) for name in table]}


def _values(column: pd.Series, digits: int = DIGITS) -> list[Any]:
    """Null where there is none."""
    shown = rounded(column, digits) if pd.api.types.is_float_dtype(column) else column
    return shown.astype(object).where(shown.notna(), None).tolist()


def _json(value: Any) -> str:
    """Safe inside of a script element."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("</", "<\\/")
