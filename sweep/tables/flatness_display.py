"""Tables 2 and 3 as people read them."""

from collections.abc import Callable, Sequence
from functools import partial

import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.measuring import MeasureConfig
from sweep.config.run import UNLESS
from sweep.results.rows import measure_columns
from sweep.tables.flatness import BLOCK, MEASURE_SETTING, NETWORK
from sweep.tables.formats import number, text_formats
from sweep.tables.generalization import PRECISION
from sweep.tables.published import network_name, precision_name

LIMIT, UNCONVERGED = "†", "‡"
_COUNTS = ("n", "missing", "diverged")
_RARE_COUNTS = {"failed": "failed", "threshold_missed": "threshold missed"}  # shown where they are not all zero
_DIGITS = 3
_OTHER_PRECISION = tuple(name for name in PRECISION if name not in ("bits", "quantizer"))


def readable(table: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Text cells: mean ± standard error, ratio to full precision, marks; under each precision the published line."""
    varying = [name for name in _settings() if table[name].nunique() > 1]
    varying += [name for name in _OTHER_PRECISION if table.loc[table["bits"] != FULL_PRECISION, name].nunique() > 1]
    counts = [*_COUNTS, *(name for name in _RARE_COUNTS if table[name].any())]
    lines = []
    for _, line in table.iterrows():
        names = {"dataset": line["dataset"], "network": network_name(line)} | {v: str(line[v]) for v in varying}
        cells = {_RARE_COUNTS.get(name, name): str(line[name]) for name in counts}
        cells |= {title(metric): _cell(line, metric) for metric in metrics}
        lines.append({**names, "precision": precision_name(line["bits"]), "weights": line["form"], **cells})
        if line["form"] == "folded" and line[[f"published_{metric}" for metric in metrics]].notna().any():
            lines.append({**dict.fromkeys(names, ""), "precision": "  published"} | _published_cells(line, metrics))
    return pd.DataFrame(lines).fillna("")


def title(metric: str) -> str:
    return metric.replace("_", " ")


def _settings() -> list[str]:
    shown_otherwise = {"dataset", "model", "data_sha256", *NETWORK}
    return [name for name in (*BLOCK, *MEASURE_SETTING) if name not in shown_otherwise]


def _cell(line: pd.Series, metric: str) -> str:
    cell = number(line[metric], _DIGITS)
    if pd.notna(line[f"{metric}_se"]):
        cell += f" ± {number(line[f'{metric}_se'], _DIGITS)}"
    if pd.notna(line[f"{metric}_ratio"]):
        cell += f" ×{line[f'{metric}_ratio']:.2f}"
    for mark, flag in ((LIMIT, "limit"), (UNCONVERGED, "unconverged")):
        if line.get(f"{metric}_{flag}", 0):
            cell += f" {mark}{line[f'{metric}_{flag}']}"
    if 0 < line[f"{metric}_n"] < line["n"]:
        cell += f" (n={line[f'{metric}_n']})"
    return cell


def _published_cells(line: pd.Series, metrics: Sequence[str]) -> dict[str, str]:
    return {title(metric): number(line[f"published_{metric}"], _DIGITS) for metric in metrics}


def notes(table: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    """What a reader must know before he trusts the means."""
    found = [
        f"with {_same_settings(table)}",
        "± standard error; × geometric mean of the ratio to FP32 of the same run; raw: BN kept, folded: BN in the "
        "convolutions",
        *_marks(table, metrics),
    ]
    counts = table.loc[table["form"] == "raw", ["missing", "failed"]].sum()
    if counts.any():
        found.append(f"INCOMPLETE: {counts['missing']} runs are not measured, {counts['failed']} failed in training")
    if table["threshold_missed"].any():
        found.append("threshold missed: by the unperturbed network; such runs have no scales and are not in the means")
    if (table["codes"] > 1).any():
        found.append("some lines mix measurements by different code: `sweep.measure ... dry_run=true` names the stale")
    return found


def _same_settings(table: pd.DataFrame) -> str:
    """Of runs all but later ones that change nothing, of the measurement those that are not at their defaults."""
    same = {name: str(table[name].iloc[0]) for name in _settings() if table[name].nunique() == 1}
    shown = [name for name, value in same.items() if value != _default(name)]
    return ", ".join(f"{name.replace('measure_', 'measure.', 1)}={same[name]}" for name in shown)


def _default(name: str) -> str:
    """Of a measure setting or a later hyperparameter, as tables have it."""
    default = (UNLESS | measure_columns(MeasureConfig())).get(name)
    return ",".join(f"{value:g}" for value in default) if isinstance(default, list) else str(default)


def _marks(table: pd.DataFrame, metrics: Sequence[str]) -> list[str]:
    meanings = (
        (LIMIT, "limit", "searches hit an end of their range, so that the cell reflects the range and the norm alone"),
        (UNCONVERGED, "unconverged", "searches ended off the target"),
    )
    return [
        f"{mark}k: of the n, k {meaning}"
        for mark, flag, meaning in meanings
        if any(table.get(f"{metric}_{flag}", pd.Series(0)).any() for metric in metrics)
    ]


def flatness_formats(metrics: Sequence[str]) -> dict[str, Callable[[pd.DataFrame], str]]:
    """The text formats of a table with these metrics."""
    return text_formats(partial(readable, metrics=metrics), partial(notes, metrics=metrics))
