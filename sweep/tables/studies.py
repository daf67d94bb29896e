"""A study's table: its runs under the names of a published table, beside the numbers printed there."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from sweep.config.bits import FULL_PRECISION
from sweep.config.datasets import printed_name
from sweep.config.part_classes import Quantizer, Rule
from sweep.config.parts import printed_name_of
from sweep.config.run import RUN_FIELDS, UNLESS
from sweep.config.studies import LABELS, Metric, Names, StudySpec
from sweep.results.select import finished_measures, with_measures
from sweep.tables.counts import count_cells, counts_of, incomplete_note, mixed_code_note
from sweep.tables.formats import with_error
from sweep.tables.grouping import finished_runs
from sweep.tables.labels import network_name, precision_name
from sweep.tables.pairs import standard_error
from sweep.tables.published import read_published
from sweep.tables.table import Table

_NOT_IN_A_LINE = ("data_sha256", "seed")
_LINE = [f"line_{label}" for label in LABELS]


@dataclass(frozen=True, kw_only=True)
class StudyTable(Table):
    """Made of a file in conf/study/, which says under which names runs stand and which columns are its metrics."""

    spec: StudySpec

    def found(self, results_dir: Path, runs: pd.DataFrame, values: Mapping[str, str]) -> pd.DataFrame:
        """Measurements with any settings, none where nothing is measured."""
        return finished_measures(results_dir)

    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """One line per published name and science config less the seed.

        Columns: `LABELS`, the science config, counts as in Table 1, of every metric, by its title, mean, standard error
        `_se` and the number `_n` of runs that have it, and `published_<title>`, null where the paper has no such cell.
        """
        runs = with_measures(runs, found, [metric.column for metric in self.spec.metrics])
        labels = {f"line_{label}": _labels(runs, label, self.spec.names[label]) for label in LABELS}
        science = [name for name in RUN_FIELDS if name not in _NOT_IN_A_LINE]
        published, lines = self._printed(), []
        for _, group in runs.assign(**labels).groupby([*_LINE, *science], sort=False):
            finished, line = finished_runs(group), group[_LINE].iloc[0].to_dict()
            counts = counts_of(group, finished, "at_chance", "at_chance")
            cells = dict(pair for metric in self.spec.metrics for pair in _cell(finished, metric, line, published))
            lines.append(line | group[science].iloc[0].to_dict() | counts | cells)
        return pd.DataFrame(lines)

    def _printed(self) -> "pd.Series[float]":
        """By `LABELS` and the metric's name; empty for a study that is not a paper's."""
        if not self.published:
            return pd.Series(dtype=float)
        tidy = read_published(self.published, keep_default_na=False)
        values = pd.to_numeric(tidy.set_index([*LABELS, "metric"])["value"], errors="coerce")  # some cells are empty
        return values[~values.index.duplicated()]  # SAQ Table 3 has a damaged line twice

    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Mean ± standard error over seeds, and the published number beside it."""
        within = _varying_within_names(lines)
        shown = []
        for _, line in lines.iterrows():
            names = {"dataset": line["line_dataset"], "model": line["line_model"], "method": line["line_method"]}
            names |= {"option": line["line_option"]} | {name: _value(line, name) for name in within}
            cells = count_cells(line, lines)
            for metric in self.spec.metrics:
                cells[_head(metric)] = _text(line, metric)
                if lines[f"published_{metric.title}"].notna().any():
                    cells[f"{metric.title} published"] = _published(line, metric)
            shown.append(names | {"precision": line["line_precision"]} | cells)
        table = pd.DataFrame(shown).fillna("")
        always = ("dataset", "model", "precision", *cells)
        return table.loc[:, [name for name in table if name in always or (table[name] != "").any()]]

    def notes(self, lines: pd.DataFrame) -> list[str]:
        found = [_told(lines), "± standard error over seeds", *self._about_published(lines)]
        found += incomplete_note(
            lines, "{missing} runs have no result yet and {failed} failed; the means are over the others"
        )
        unmeasured = [metric.title for metric in self.spec.metrics if not lines[f"{metric.title}_n"].any()]
        if unmeasured:
            found.append(
                f"not measured: {', '.join(unmeasured)}; `python -m sweep.measure` measures runs with keep_weights=true"
            )
        return found + mixed_code_note(lines, self.kind)

    def _about_published(self, lines: pd.DataFrame) -> list[str]:
        if not self.published:
            return []
        found = [f"published: results/published/{self.published}.csv, all lines of the paper"]
        alone = lines[[f"published_{metric.title}" for metric in self.spec.metrics]].isna().all(axis=1)
        return found + ([f"{alone.sum()} lines have nothing published to stand beside"] if alone.any() else [])


def study_table(name: str, spec: StudySpec) -> StudyTable:
    return StudyTable(name=name, meaning=spec.meaning, paper=spec.paper, published=spec.published, spec=spec)


def _labels(runs: pd.DataFrame, label: str, names: Names) -> pd.Series:
    return runs.apply(
        lambda run: next((name for name, where in names.items() if _fits(run, where)), _own(run, label)), axis=1
    )


def _fits(run: pd.Series, where: Mapping[str, Any]) -> bool:
    return all(run[name] == value for name, value in where.items())


def _own(run: pd.Series, label: str) -> str:
    """What we call a run that the published table has no name for."""
    if label == "precision":
        weights_only = run["act_bits"] == FULL_PRECISION
        return precision_name(run["bits"]) if weights_only else f"W{run['bits']}A{run['act_bits']}"
    if label == "model":
        return network_name(run)
    if label == "dataset":
        return printed_name(run["dataset"])
    rule = "" if run["rule"] == "plain" else f" by {printed_name_of(Rule, run['rule'])}"
    return f"{printed_name_of(Quantizer, run['quantizer'])}{rule}" if label == "method" else ""


def _cell(
    finished: pd.DataFrame, metric: Metric, labels: Mapping[Any, Any], published: "pd.Series[float]"
) -> Iterator[tuple[str, float]]:
    values = finished[metric.column].dropna().to_numpy(dtype=float) * metric.scale
    option = metric.option or labels["line_option"]
    key = (*(labels[f"line_{label}"] for label in LABELS[:-1]), option, metric.name)
    yield metric.title, values.mean() if len(values) else np.nan
    yield f"{metric.title}_se", standard_error(values)
    yield f"{metric.title}_n", len(values)
    yield f"published_{metric.title}", published.get(key, np.nan)


def _varying_within_names(table: pd.DataFrame) -> list[str]:
    """Hyperparameters that make several lines of one published name."""
    groups = table.groupby(_LINE)
    return [name for name in RUN_FIELDS if name in table and (groups[name].nunique() > 1).any()]


def _value(line: pd.Series, name: str) -> str:
    """Empty at what changes nothing."""
    return "" if line[name] == UNLESS.get(name) else str(line[name])


def _head(metric: Metric) -> str:
    return f"{metric.title} %" if metric.scale != 1 else metric.title


def _text(line: pd.Series, metric: Metric) -> str:
    cell = with_error(line[metric.title], line[f"{metric.title}_se"], 4 if metric.scale == 1 else 2)
    return cell + (f" (n={line[f'{metric.title}_n']})" if 0 < line[f"{metric.title}_n"] < line["n"] else "")


def _published(line: pd.Series, metric: Metric) -> str:
    value = line[f"published_{metric.title}"]
    return "" if pd.isna(value) else f"{value:g}"


def _told(table: pd.DataFrame) -> str:
    """What all lines have in common, but for what changes nothing."""
    same = {name: _value(table.iloc[0], name) for name in RUN_FIELDS if name in table and table[name].nunique() == 1}
    return "with " + ", ".join(f"{name}={value}" for name, value in same.items() if value)
