"""Tables of a report: cells of text, and the runs behind every line."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd

from sweep.config.parts import parts_of
from sweep.config.work import Kind
from sweep.report.axes import OUTCOMES, SHORT, Axis
from sweep.results.clusters import clusters, shared_values
from sweep.results.hours import DEVICE_CLASSES, device_class, hours
from sweep.tables import table as tables

_PUBLISHED = "published"  # in the column `precision` of a line that is a paper's


@dataclass(frozen=True)
class Table:
    title: str
    names: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    run_ids: tuple[tuple[str, ...], ...] = ()  # behind each line
    notes: tuple[str, ...] = ()


def of_table(table: tables.Table, runs: pd.DataFrame, found: pd.DataFrame) -> Table:
    """Makes `table` of `runs`, and of `found`, which its work left of them."""
    lines = table.lines(runs, found)
    return of_frame(table.heading, table.cells(lines), lines.get("run_ids", ()), table.notes(lines))


def tables_of(kind: Kind, runs: pd.DataFrame, found: pd.DataFrame) -> list[Table]:
    """All tables of that work that a report shows; `runs` and `found` as in `of_table`."""
    chosen = [table for table in parts_of(tables.Table).values() if table.in_report and table.kind == kind]
    return [of_table(table, runs, found) for table in chosen]


def of_frame(title: str, shown: pd.DataFrame, run_ids: Iterable[Sequence[str]], notes: Sequence[str]) -> Table:
    """Makes a table of the texts `shown`; `run_ids` are of the lines that are ours, in their order, or none at all."""
    left = iter(run_ids)
    printed = shown.get("precision", pd.Series("", shown.index)).str.strip() == _PUBLISHED
    ids = [() if is_published else tuple(next(left, ())) for is_published in printed]
    lines = tuple(tuple(map(str, line)) for line in shown.itertuples(index=False))
    return Table(title, tuple(map(str, shown.columns)), lines, tuple(ids), tuple(notes))


def outcomes(runs: pd.DataFrame, labels: Sequence[str]) -> Table:
    """Runs by precision and what became of them."""
    counts = pd.crosstab(runs["quantization"], runs["outcome"])
    counts = counts.reindex(index=list(labels), columns=OUTCOMES, fill_value=0)
    total = counts.sum().rename("all")
    lines = [(str(name), str(line.sum()), *map(str, line)) for name, line in [*counts.iterrows(), ("all", total)]]
    return Table("", ("quantization", "runs", *OUTCOMES), tuple(lines))


def grid(runs: pd.DataFrame, labels: Sequence[str], axes: Sequence[Axis]) -> Table:
    lines = [("quantization", ", ".join(labels))]
    lines += [(axis.name, ", ".join(axis.levels) or _range(runs[axis.name])) for axis in axes]
    return Table("Axes of the grid", ("axis", "values"), tuple(lines))


def _range(values: "pd.Series[float]") -> str:
    return f"{values.nunique()} values from {values.min():g} to {values.max():g}"


def listed(title: str, runs: pd.DataFrame, outcome: str) -> Table:
    """The runs of one outcome, and what they have in common."""
    members = runs[runs["outcome"] == outcome]
    line = (str(shared_values(members, runs)),)
    return Table(title, ("what they share",), (line,), (tuple(members["run_id"]),))


def failures(runs: pd.DataFrame) -> Table:
    found = clusters(runs)
    lines = tuple((cluster.message, str(cluster.shared)) for cluster in found)
    ids = tuple(tuple(cluster.runs["run_id"]) for cluster in found)
    return Table("Failed runs, by the end of their trace", ("error", "what they share"), lines, ids)


def time_spent(runs: pd.DataFrame) -> Table:
    """Makes a table of hours by device and engine."""
    known = runs[runs["status"].notna()].assign(hours=hours(runs), device_class=device_class(runs["device"]))
    known = known.assign(engine=known["engine"].fillna("plain"))  # as rows were before there was another
    groups = known.groupby(["device", "engine"], dropna=False, sort=True)
    lines = [
        (str(device), str(engine), str(len(group)), *(_hours(group, each) for each in DEVICE_CLASSES))
        for (device, engine), group in groups
    ]
    ids = [tuple(group["run_id"]) for _, group in groups]
    return Table("", ("device", "engine", "runs ended", "GPU-hours", "CPU-hours"), tuple(lines), tuple(ids))


def _hours(group: pd.DataFrame, device: str) -> str:
    spent = group.loc[group["device_class"] == device, "hours"]
    return f"{spent.sum():.3g}" if len(spent) else ""


_PROVENANCE = ("qsweep_version", "torch_version", "cuda_version", "commit", "dirty", "code", "host", "cpu_capability")


def provenance(runs: pd.DataFrame) -> Table:
    known = runs[runs["status"].notna()]
    texts = known[list(_PROVENANCE)].astype(object).fillna("").astype(str).apply(lambda column: column.str[:SHORT])
    groups = known.groupby([texts[name] for name in _PROVENANCE], sort=True)
    lines = tuple(tuple(map(str, texts.loc[group.index[0]])) for _, group in groups)
    return Table("", _PROVENANCE, lines, tuple(tuple(group["run_id"]) for _, group in groups))
