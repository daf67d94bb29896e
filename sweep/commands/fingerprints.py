"""Which code made the rows of a results directory, beside today's code of the same runs."""

import datetime
import getpass
import platform
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sweep import PROJECT
from sweep.commands.todays_code import code_of_work
from sweep.commands.trained import stored_of_runs
from sweep.config.checks import ConfigError, allowed
from sweep.config.datasets import named_in_rows
from sweep.config.run import DataSource
from sweep.config.work import Kind
from sweep.plan.code import Code
from sweep.results.accepted import Acceptance
from sweep.results.provenance import git_state
from sweep.results.rows import FINAL, OPTION_COLUMNS, STORES, options_of

Made = tuple[str, Code]  # the run id of a row, and what would decide its numbers today


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

    `data_source` is the loader of images that are not of a data set that is known by name. Raises `ConfigError` where
    it is missing.
    """
    return [each for kind in STORES for each in _of_kind(kind, results_dir, data_source)]


def _of_kind(kind: Kind, results_dir: Path, data_source: str) -> Iterator[RowsOfCode]:
    code = code_of_work(kind, results_dir)
    found: dict[str, list[Made]] = defaultdict(list)
    for run, row in stored_of_runs(results_dir, ("run_id", "status", "code", *OPTION_COLUMNS[kind]), kind):
        if row["status"] in FINAL:
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
