"""A study's table as people read it."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from sweep.config.run import RUN_FIELDS, UNLESS
from sweep.config.studies import LABELS, Metric, StudyTable
from sweep.tables.formats import number, text_formats

_COUNTS = ("n", "missing", "diverged")
_RARE_COUNTS = {"failed": "failed", "at_chance": "at chance"}  # shown where they are not all zero
_DIGITS = {"%": 2, "": 4}


def study_formats(spec: StudyTable) -> dict[str, Callable[[pd.DataFrame], str]]:
    return text_formats(partial(readable, metrics=spec.metrics), partial(notes, spec=spec))


def readable(table: pd.DataFrame, metrics: Sequence[Metric]) -> pd.DataFrame:
    """Text cells: mean ± standard error over seeds, and the published number beside it."""
    counts = [*_COUNTS, *(name for name in _RARE_COUNTS if table[name].any())]
    within = _varying_within_names(table)
    lines = []
    for _, line in table.iterrows():
        names = {"dataset": line["line_dataset"], "model": line["line_model"], "method": line["line_method"]}
        names |= {"option": line["line_option"]} | {name: _value(line, name) for name in within}
        cells = {_RARE_COUNTS.get(name, name): str(line[name]) for name in counts}
        for metric in metrics:
            cells[_head(metric)] = _cell(line, metric)
            if table[f"published_{metric.title}"].notna().any():
                cells[f"{metric.title} published"] = _published(line, metric)
        lines.append(names | {"precision": line["line_precision"]} | cells)
    shown = pd.DataFrame(lines).fillna("")
    return shown.loc[:, [c for c in shown if c in ("dataset", "model", "precision", *cells) or (shown[c] != "").any()]]


def _varying_within_names(table: pd.DataFrame) -> list[str]:
    """Hyperparameters that make several lines of one published name."""
    groups = table.groupby([f"line_{label}" for label in LABELS])
    return [name for name in RUN_FIELDS if name in table and (groups[name].nunique() > 1).any()]


def _value(line: pd.Series, name: str) -> str:
    """Empty at what changes nothing."""
    return "" if line[name] == UNLESS.get(name) else str(line[name])


def _head(metric: Metric) -> str:
    return f"{metric.title} %" if metric.scale != 1 else metric.title


def _digits(metric: Metric) -> int:
    return _DIGITS["%" if metric.scale != 1 else ""]


def _cell(line: pd.Series, metric: Metric) -> str:
    cell = number(line[metric.title], _digits(metric))
    if pd.notna(line[f"{metric.title}_se"]):
        cell += f" ± {number(line[f'{metric.title}_se'], _digits(metric))}"
    return cell + (f" (n={line[f'{metric.title}_n']})" if 0 < line[f"{metric.title}_n"] < line["n"] else "")


def _published(line: pd.Series, metric: Metric) -> str:
    value = line[f"published_{metric.title}"]
    return "" if pd.isna(value) else f"{value:g}"


def notes(table: pd.DataFrame, spec: StudyTable) -> list[str]:
    """What a reader must know before he compares."""
    same = {name: _value(table.iloc[0], name) for name in RUN_FIELDS if name in table and table[name].nunique() == 1}
    told = ", ".join(f"{name}={value}" for name, value in same.items() if value)
    found = [f"with {told}", "± standard error over seeds"]
    if spec.published:
        found.append(f"published: results/published/{spec.published}.csv, all lines of the paper")
        alone = table[[f"published_{metric.title}" for metric in spec.metrics]].isna().all(axis=1)
        if alone.any():
            found.append(f"{alone.sum()} lines have nothing published to stand beside")
    missing, failed = int(table["missing"].sum()), int(table["failed"].sum())
    if missing + failed:
        found.append(
            f"INCOMPLETE: {missing} runs have no result yet and {failed} failed; the means are over the others"
        )
    unmeasured = [m.title for m in spec.metrics if not table[f"{m.title}_n"].any()]
    if unmeasured:
        found.append(
            f"not measured: {', '.join(unmeasured)}; `python -m sweep.measure` measures runs with keep_weights=true"
        )
    if (table["codes"] > 1).any():
        found.append("some lines mix rows of different code: `python -m sweep.run ... dry_run=true` names the stale")
    return found
