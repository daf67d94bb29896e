"""Which code made the rows of a results directory, beside today's code of the same runs."""

import datetime
import getpass
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from sweep import PROJECT
from sweep.commands.todays_code import code_of_work
from sweep.config.checks import ConfigError, allowed
from sweep.config.chosen import unknown_parts
from sweep.config.datasets import named_in_rows
from sweep.config.outside import VARIABLE
from sweep.config.run import RUN_FIELDS, DataSource
from sweep.config.work import Kind
from sweep.plan.code import Code
from sweep.results.accepted import Acceptance
from sweep.results.provenance import git_state
from sweep.results.rows import FINAL, OPTION_COLUMNS, STORES, options_of, run_of_row, stored

Made = tuple[str, Code]  # the run id of a row, and what would decide its numbers today
Row = Mapping[str, Any]


class _Ended(NamedTuple):
    """The row of work that ended, with that of its run, and the parts of both that are not known here."""

    trained: Row
    row: Row
    unknown: list[str]


@dataclass(frozen=True)
class RowsOfCode:
    """The rows of work of `kind` that carry one fingerprint."""

    kind: Kind
    fingerprint: str
    rows: tuple[Made, ...]

    @cached_property
    def todays(self) -> int:
        """Returns how many rows have the fingerprint that they would have today."""
        return sum(code.fingerprint == self.fingerprint for _, code in self.rows)

    @cached_property
    def stale(self) -> tuple[Made, ...]:
        return tuple((run_id, code) for run_id, code in self.rows if not code.made(self.fingerprint))

    @property
    def new(self) -> tuple[str, ...]:
        """The fingerprints of today's code of what is stale."""
        return tuple(sorted({code.fingerprint for _, code in self.stale}))

    def acceptance(self, reason: str) -> Acceptance:
        """Returns what is stale as accepted, equal to today's code, by who runs this process and now."""
        commit, is_dirty = git_state(PROJECT)
        return Acceptance(
            self.kind, self.fingerprint, self.new, len(self.stale), reason,
            by=f"{getpass.getuser()}@{platform.node()}",
            at=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            commit=commit + "+" * is_dirty,
        )  # fmt: skip


def rows_by_code(results_dir: Path, data_source: str) -> list[RowsOfCode]:
    """Every row of every kind of work but those that failed, which are tried again whatever made them.

    Says on standard error how many are left out, since they are of parts that are not known here. `data_source` is the
    loader of images that are not of a data set that is known by name. Raises `ConfigError` where it is missing.
    """
    ended = {kind: _ended(kind, results_dir) for kind in STORES}
    unknown = Counter(", ".join(each.unknown) for rows in ended.values() for each in rows if each.unknown)
    if unknown:
        counts = "; ".join(f"{count} of {names}" for names, count in unknown.items())
        todo = f"install the package, or name it in {VARIABLE}"
        print(f"left out: {unknown.total()} rows of parts that are not known here ({counts}): {todo}", file=sys.stderr)
    return [each for kind, rows in ended.items() for each in _of_kind(kind, rows, results_dir, data_source)]


def _ended(kind: Kind, results_dir: Path) -> list[_Ended]:
    runs = {row["run_id"]: row for row in stored(results_dir, ("run_id", *RUN_FIELDS))}
    rows = stored(results_dir, ("run_id", "status", "code", *OPTION_COLUMNS[kind]), kind)
    known = [(runs[row["run_id"]], row) for row in rows if row["status"] in FINAL and row["run_id"] in runs]
    return [_Ended(run, row, [*unknown_parts(run), *_unknown_options(kind, row)]) for run, row in known]


def _unknown_options(kind: Kind, row: Row) -> Sequence[str]:
    options = options_of(kind, row)
    return options.unknown_parts if options else ()


def _of_kind(kind: Kind, ended: Sequence[_Ended], results_dir: Path, data_source: str) -> Iterator[RowsOfCode]:
    code = code_of_work(kind, results_dir)
    found: dict[str, list[Made]] = defaultdict(list)
    for run, row in ((run_of_row(each.trained), each.row) for each in ended if not each.unknown):
        source = DataSource(_loader(run.dataset, data_source), run.dataset, "")
        found[row["code"]].append((row["run_id"], code(run, source, options_of(kind, row))))
    return (RowsOfCode(kind, fingerprint, tuple(rows)) for fingerprint, rows in sorted(found.items()))


def _loader(dataset: str, data_source: str) -> str:
    known = named_in_rows(dataset)
    if known is None and not data_source:
        raise ConfigError(f"dataset={dataset}: rows do not say what read images of your own; give data_source")
    return known[0].data_source if known else data_source


def of_code(found: Sequence[RowsOfCode], prefix: str) -> list[RowsOfCode]:
    """Returns those whose fingerprint begins with `prefix`; raises `ConfigError` where that is not one fingerprint."""
    chosen = [each for each in found if each.fingerprint.startswith(prefix)]
    if len({each.fingerprint for each in chosen}) != 1:
        there_are = allowed(dict.fromkeys(each.fingerprint[:12] for each in found))
        raise ConfigError(
            f"code={prefix}: {'several codes begin' if chosen else 'no row has code that begins'} "
            f"so; there are {there_are}"
        )
    return chosen
