"""Tables of measures by network and precision, for raw and folded weights: QGen Tables 2 and 3."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.checks import ConfigError, allowed
from sweep.config.datasets import printed_name
from sweep.config.measures import FORMS, columns_of_forms, measures_in
from sweep.config.measuring import KEY_OF, MEASURE_FIELDS, MeasureConfig
from sweep.config.run import UNLESS
from sweep.results.rows import measure_columns
from sweep.tables.counts import count_cells, counts_of, incomplete_note, mixed_code_note
from sweep.tables.formats import number, with_error
from sweep.tables.grouping import AVERAGED, PRECISION, SETTING, in_order
from sweep.tables.labels import network_name, precision_name, shown_value
from sweep.tables.pairs import interval, pairs, standard_error
from sweep.tables.published import by_line, paper_keys
from sweep.tables.table import Table

NETWORK = ("depth", "width")
AVERAGED_RUNS = tuple(name for name in AVERAGED if name not in NETWORK)
MEASURE_SETTING = tuple(f"measure_{name}" for name in MEASURE_FIELDS if name != "seed")
BLOCK = (*SETTING, *NETWORK)
# The scale that a measure follows from, whose search is marked where it found none.
SCALE_OF = {name: column.scale for name, column in columns_of_forms().items() if column.scale}
LIMIT, UNCONVERGED = "†", "‡"
_DIGITS = 3
_OTHER_PRECISION = tuple(name for name in PRECISION if name not in ("bits", "quantizer"))


@dataclass(frozen=True, kw_only=True)
class FlatnessTable(Table):
    """A column for each of `metrics`, which are names of measures."""

    metrics: tuple[str, ...]

    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """One line per data set, network, setting, precision, measure settings and form of the weights.

        Columns: what defines the line; the counts of `counts_of`, of which n were measured; and of every metric, over
        the runs that have it: mean, standard error `_se`, their number `_n`, and how many of their searches hit a
        `_limit` or were `_unconverged` otherwise; `_ratio`, the geometric mean of its ratio to full precision over
        `_pairs` of runs that agree in all else, with its 95 % confidence interval (Student's t of the logarithm).
        Measure seeds are averaged per run. `published_<metric>` is null where the paper has no such cell.
        """
        lines = []
        found, metrics = _with_some(found, self.metrics)
        for chosen, rows in found.groupby(list(MEASURE_SETTING), sort=True):
            per_run = _per_run(rows, metrics)
            for setting, block in runs.groupby(list(BLOCK), sort=True):
                joined = block.merge(per_run, on="run_id", how="left")
                if joined["measurements"].notna().any():
                    names = dict(zip((*MEASURE_SETTING, *BLOCK), (*chosen, *setting), strict=True))
                    lines += _block_lines(joined, names, metrics)
        return self._beside_published(in_order(pd.DataFrame(lines), [*BLOCK, *MEASURE_SETTING]))

    def _of(self, lines: pd.DataFrame) -> list[str]:
        """The metrics that were measured."""
        return [metric for metric in self.metrics if metric in lines]

    def _beside_published(self, lines: pd.DataFrame) -> pd.DataFrame:
        if not self.published:
            return lines
        keys = paper_keys(lines, self.published, of_sizes=True)
        published = keys.join(by_line(self.published, {}), on=list(keys.columns)).reindex(columns=list(self.metrics))
        return lines.join(published.add_prefix("published_"))

    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Mean ± standard error, ratio to full precision, marks; under each precision the published line."""
        varying = [name for name in _settings() if lines[name].nunique() > 1]
        varying += [n for n in _OTHER_PRECISION if lines.loc[lines["bits"] != FULL_PRECISION, n].nunique() > 1]
        shown, metrics = [], self._of(lines)
        for _, line in lines.iterrows():
            names = {"dataset": printed_name(line["dataset"]), "network": network_name(line)}
            names |= {name: shown_value(name, line[name]) for name in varying}
            cells = count_cells(line, lines) | {title(metric): _text(line, metric) for metric in metrics}
            shown.append({**names, "precision": precision_name(line["bits"]), "weights": line["form"], **cells})
            published = {title(metric): number(line.get(f"published_{metric}", np.nan), _DIGITS) for metric in metrics}
            if line["form"] == "folded" and any(published.values()):
                shown.append({**dict.fromkeys(names, ""), "precision": "  published"} | published)
        return pd.DataFrame(shown).fillna("")

    def notes(self, lines: pd.DataFrame) -> list[str]:
        found = [
            f"with {_same_settings(lines)}",
            "± standard error; × geometric mean of the ratio to FP32 of the same run; raw: BN kept, folded: BN in the "
            "convolutions",
            *_marks(lines, self._of(lines)),
        ]
        text = "{missing} runs are not measured, {failed} failed in training"
        found += incomplete_note(lines[lines["form"] == FORMS[0]], text)
        if lines["threshold_missed"].any():
            found.append(
                "threshold missed: by the unperturbed network; such runs have no scales and are not in the means"
            )
        return found + mixed_code_note(lines, self.kind)


def _with_some(found: pd.DataFrame, metrics: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """The measurements that have some of `metrics`, and those that they have; raises `ConfigError` where none has."""
    texts = {text: _names(text) & set(metrics) for text in found["measure_measures"].unique()}
    chosen = found[found["measure_measures"].map(texts).map(bool)]
    if chosen.empty:
        raise ConfigError(
            f"no measurement there has {allowed(metrics)}: `python -m sweep.measure measure=all` takes them"
        )
    return chosen, [metric for metric in metrics if any(metric in names for names in texts.values())]


def _names(measures: str) -> set[str]:
    return {column.name for measure in measures_in(measures) for column in measure.of_form}


def _per_run(rows: pd.DataFrame, metrics: Sequence[str]) -> pd.DataFrame:
    """Means over the measure seeds; flags are true where one is."""
    groups = rows.groupby("run_id")
    scales = sorted({SCALE_OF[metric] for metric in metrics if metric in SCALE_OF})
    values = groups[[f"{form}_{metric}" for form in FORMS for metric in metrics]].mean()
    for form in FORMS:
        values[f"{form}_threshold_missed"] = groups[f"{form}_threshold_missed"].agg(_any)
        for scale in scales:
            saturated = groups[f"{form}_{scale}_saturated"].agg(_any)
            values[f"{form}_{scale}_limit"] = saturated
            values[f"{form}_{scale}_unconverged"] = ~groups[f"{form}_{scale}_converged"].agg(_all) & ~saturated
    return values.assign(measurements=groups.size(), measure_code=groups["code"].first()).reset_index()


def _any(flags: pd.Series) -> bool:
    """Null where nothing was searched for, which is not true."""
    return bool((flags == True).any())  # noqa: E712


def _all(flags: pd.Series) -> bool:
    return bool((flags != False).all())  # noqa: E712


def _block_lines(block: pd.DataFrame, names: dict[str, Any], metrics: Sequence[str]) -> list[dict[str, Any]]:
    full = _measured(block[block["bits"] == FULL_PRECISION])
    lines = []
    for precision, group in block.groupby(list(PRECISION), sort=True):
        for form in FORMS:
            measured, missed = _measured(group), f"{form}_threshold_missed"
            line = names | dict(zip(PRECISION, precision, strict=True)) | {"form": form}
            line |= counts_of(group, measured, "threshold_missed", missed, "measure_code")
            for metric in metrics:
                line |= _cell(measured, form, metric) | _ratio(measured, full, f"{form}_{metric}", metric)
            lines.append(line)
    return lines


def _measured(group: pd.DataFrame) -> pd.DataFrame:
    return group[group["measurements"].notna()]


def _cell(measured: pd.DataFrame, form: str, metric: str) -> dict[str, Any]:
    values = measured[f"{form}_{metric}"].to_numpy(dtype=float)
    have = ~np.isnan(values)
    n = int(have.sum())
    cell = {
        metric: values[have].mean() if n else np.nan,
        f"{metric}_se": standard_error(values[have]),
        f"{metric}_n": n,
    }
    for flag in ("limit", "unconverged") if metric in SCALE_OF else ():
        flagged = measured[f"{form}_{SCALE_OF[metric]}_{flag}"].to_numpy(dtype=bool)
        cell[f"{metric}_{flag}"] = int((flagged & have).sum())
    return cell


def _ratio(measured: pd.DataFrame, full: pd.DataFrame, column: str, metric: str) -> dict[str, Any]:
    """Of `column` against full precision, over runs that agree in every averaged hyperparameter."""
    is_full = (measured["bits"] == FULL_PRECISION).all()
    paired = pairs(measured, full, list(AVERAGED_RUNS))
    logs = np.log((paired[column] / paired[f"{column}_full"]).dropna().to_numpy(dtype=float))
    logs = logs[:0] if is_full else logs
    mean, low, high = interval(logs)
    return {
        f"{metric}_pairs": len(logs),
        f"{metric}_ratio": np.exp(mean),
        f"{metric}_ratio_low": np.exp(low),
        f"{metric}_ratio_high": np.exp(high),
    }


def title(metric: str) -> str:
    return metric.replace("_", " ")


def _settings() -> list[str]:
    shown_otherwise = {"dataset", "model", "data_sha256", *NETWORK}
    return [name for name in (*BLOCK, *MEASURE_SETTING) if name not in shown_otherwise]


def _text(line: pd.Series, metric: str) -> str:
    cell = with_error(line[metric], line[f"{metric}_se"], _DIGITS)
    if pd.notna(line[f"{metric}_ratio"]):
        cell += f" ×{line[f'{metric}_ratio']:.2f}"
    for mark, flag in ((LIMIT, "limit"), (UNCONVERGED, "unconverged")):
        if line.get(f"{metric}_{flag}", 0):
            cell += f" {mark}{line[f'{metric}_{flag}']}"
    if 0 < line[f"{metric}_n"] < line["n"]:
        cell += f" (n={line[f'{metric}_n']})"
    return cell


def _same_settings(table: pd.DataFrame) -> str:
    """Of runs all but later ones that change nothing, of the measurement those that are not at their defaults."""
    same = {name: str(table[name].iloc[0]) for name in _settings() if table[name].nunique() == 1}
    shown = [name for name, value in same.items() if value != _default(name)]
    return ", ".join(f"{KEY_OF.get(name, name)}={same[name]}" for name in shown)


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
