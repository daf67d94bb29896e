"""Rows of every table, in parquet shards that are complete or absent: reading and writing."""

import dataclasses
import datetime
import os
import uuid
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from sweep.config.distorting import Distortion
from sweep.config.measuring import MEASURE_FIELDS, MEASURE_SETTINGS, MeasureConfig, values_of
from sweep.config.measuring import UNLESS as MEASURE_UNLESS
from sweep.config.run import RUN_FIELDS, RunConfig
from sweep.config.work import Kind, Options
from sweep.results.paths import ResultsDir
from sweep.results.schema import (
    CURVES,
    DISTORTIONS,
    MEASURES,
    ROWS,
    TABLE_OF,
    Column,
    Schema,
    column_of,
    with_later_columns,
)

FINAL = ("finished", "diverged")  # a run with such a row needs no other attempt
RENAME_ATTEMPTS = READ_ATTEMPTS = 20


@dataclass(frozen=True)
class Store:
    """One table of a results directory: shards `<key>.parquet`, one per run or task, and compacted `part-*.parquet`.

    `DIR/<name>` is a link to the current generation of shards. Compaction makes the next generation and turns
    the link, which is one step: whoever reads sees all rows once, at any moment.
    """

    results_dir: Path
    table: Schema

    @property
    def name(self) -> str:
        return self.table.name

    @cached_property
    def schema(self) -> pa.Schema:
        return self.table.arrow()

    @property
    def key(self) -> str:
        """The column that names a run or task."""
        return self.table.key

    @property
    def path(self) -> Path:
        return self._dir.table(self.name)

    @property
    def _dir(self) -> ResultsDir:
        return ResultsDir(self.results_dir)

    def generations(self) -> list[Path]:
        """All of them, the current one last. More than one is left only by a killed compaction."""
        current = self.path.resolve()
        found = sorted(self._dir.generations.resolve().glob(f"{self.name}-*"))
        return [folder for folder in found if folder != current] + ([current] if current.is_dir() else [])

    def new_generation(self) -> Path:
        folder = self._dir.generations / f"{self.name}-{uuid.uuid4().hex[:12]}"
        folder.mkdir(parents=True)
        return folder

    def turn_to(self, generation: Path) -> None:
        """Makes `generation` the current one, in one step."""
        link = self.results_dir / f".{self.name}-{uuid.uuid4().hex[:12]}"
        link.symlink_to(generation.relative_to(self.results_dir))
        link.replace(self.path)

    def adopt_copy(self) -> None:
        """Makes a generation of a plain directory, as a copy without links leaves it."""
        if self.path.is_dir() and not self.path.is_symlink():
            generation = self.new_generation()
            self.path.rename(generation)
            self.turn_to(generation)

    def _create(self) -> None:
        generation = self.new_generation()
        try:
            self.path.symlink_to(generation.relative_to(self.results_dir))
        except FileExistsError:
            generation.rmdir()

    def shard(self, key: str) -> Path:
        return self.path / f"{key}.parquet"

    def write(self, key: str, rows: list[dict[str, Any]]) -> None:
        """Writes the shard of one run or task, in place of its earlier one; columns that are not given are null.

        Raises ValueError where the table has no such column.
        """
        for row in rows:
            self.table.check(row)
        if not self.path.exists():
            self._create()
        table = pa.Table.from_pylist(rows, schema=self.schema)
        write_beside(self.shard(key), lambda path: pq.write_table(table, path))

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Returns all rows, the best of each key. A damaged shard is named, set aside in DIR/damaged, and left out."""
        return self._read_from(shards, columns or self.schema.names)

    def merged(self, keys: Sequence[str], columns: list[str]) -> pa.Table:
        """Returns the rows of `keys` that lie in files which a compaction has made, as `read` does."""
        found = self._read_from(merged_shards, [self.key, *columns])
        return found.filter(pc.is_in(found[self.key], pa.array(keys, pa.string()))).select(columns)

    def _read_from(self, files_of: Callable[[Path], list[Path]], columns: list[str]) -> pa.Table:
        """Reads the files that `files_of` finds in the current generation, whatever compactions do meanwhile."""
        key = [name for name in (self.key, *RANK_COLUMNS) if name in self.schema.names]
        wanted = list(dict.fromkeys([*columns, *key]))
        for _ in range(READ_ATTEMPTS):
            generation = self.path.resolve()
            try:
                table = self.read_files(files_of(generation), wanted)
            except FileNotFoundError:
                continue
            if self.path.resolve() == generation:  # else a compaction was removing files while we read
                return best_rows(table, self.key).select(list(dict.fromkeys(columns)))
        raise OSError(f"{self.path} changed under {READ_ATTEMPTS} attempts to read it")

    def undeclared(self, files: Iterable[Path]) -> list[Column]:
        """The columns of `files` that nothing here declares: of parts from outside, or of a later version."""
        found: dict[str, Column] = {}
        known = set(self.schema.names)
        for file in files:
            try:
                fields = pq.read_schema(file)
            except (pa.ArrowInvalid, OSError):  # reading it will name it
                continue
            found = {field.name: column_of(field) for field in fields if field.name not in known} | found
        return list(found.values())

    def with_columns_of(self, files: Iterable[Path]) -> "Store":
        """This store for one who must not lose the columns of `files` that nothing here declares."""
        columns = (*self.table.columns, *self.undeclared(files))
        return dataclasses.replace(self, table=dataclasses.replace(self.table, columns=columns))

    def read_files(self, files: list[Path], columns: list[str]) -> pa.Table:
        """All rows of `files`, as they are; damaged ones are set aside. Raises FileNotFoundError."""
        if not files:
            return self.schema.empty_table().select(columns)
        try:
            table = ds.dataset([str(f) for f in files], schema=self.schema, format="parquet").to_table(columns)
        except FileNotFoundError:
            raise
        except (pa.ArrowInvalid, OSError):  # at least one is damaged: find it
            tables = [table for file in files if (table := self.read_shard(file)) is not None]
            table = pa.concat_tables([self.schema.empty_table(), *tables]).select(columns)
        return with_later_columns(table, [name for name in columns if name in self.schema.names])

    def read_shard(self, file: Path) -> pa.Table | None:
        """One shard in the declared schema, or None where it is damaged; raises FileNotFoundError."""
        try:
            return ds.dataset(str(file), schema=self.schema, format="parquet").to_table()
        except FileNotFoundError:
            raise
        except (pa.ArrowInvalid, OSError) as error:
            self._set_aside(file, error)
            return None

    def _set_aside(self, file: Path, error: Exception) -> None:
        aside = self._dir.damaged(self.name, file.name)
        try:
            aside.parent.mkdir(exist_ok=True)
            file.replace(aside)
            where = f"moved to {aside}"
        except OSError:
            where = "left where it is: this directory cannot be written"
        warnings.warn(f"{file} is damaged ({error}); {where}. Its runs count as missing.", stacklevel=2)


def rows_store(results_dir: Path) -> Store:
    return Store(results_dir, ROWS)


def curves_store(results_dir: Path) -> Store:
    return Store(results_dir, CURVES)


def measures_store(results_dir: Path) -> Store:
    return Store(results_dir, MEASURES)


def distortions_store(results_dir: Path) -> Store:
    return Store(results_dir, DISTORTIONS)


# Where each kind of work leaves its rows.
STORES: dict[Kind, Callable[[Path], Store]] = {kind: partial(Store, table=table) for kind, table in TABLE_OF.items()}


def shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.parquet"))


def merged_shards(folder: Path) -> list[Path]:
    """Returns the files in `folder` that a compaction has made: each has the rows of many keys."""
    return sorted(folder.glob("part-*.parquet"))


# What decides between rows of one key.
RANK_COLUMNS = ("status", "attempt", "ended_at")


def rank_of(
    status: str, attempt: int | None, ended_at: datetime.datetime | None
) -> tuple[bool, int, datetime.datetime]:
    """Orders rows of one key by their `RANK_COLUMNS`, the best last: final after failed, then by attempt and time."""
    return status in FINAL, attempt or 0, ended_at or _NEVER


def best_rows(table: pa.Table, key: str) -> pa.Table:
    """Returns the rows of the best attempt of each value of the column `key`, see `rank`.

    A table may hold several rows of one attempt (the epochs of a curve): all of them stay, in order, but an
    attempt that was written twice stays once.
    """
    ids = table[key].to_pylist()
    if "epoch" not in table.column_names and len(set(ids)) == len(ids):
        return table
    statuses = table["status"].to_pylist() if "status" in table.column_names else [FINAL[0]] * len(ids)
    ranks = list(map(rank_of, statuses, table["attempt"].to_pylist(), table["ended_at"].to_pylist()))
    best: dict[str, Any] = {}
    for each, rank in zip(ids, ranks, strict=True):
        best[each] = max(rank, best.get(each, rank))
    epochs = table["epoch"].to_pylist() if "epoch" in table.column_names else [0] * len(ids)
    keep = {}
    for i, (each, rank, epoch) in enumerate(zip(ids, ranks, epochs, strict=True)):
        if rank == best[each]:
            keep[each, epoch] = i
    return table.take(pa.array(sorted(keep.values()), pa.int64()))


_NEVER = datetime.datetime.min.replace(tzinfo=datetime.UTC)


def write_beside(path: Path, write: Callable[[Path], None]) -> None:
    """Has `write` make a file beside `path`, flushes and renames it: `path` is complete or absent.

    The folder may be replaced by a compaction in between; then the file is made again in the new one.
    """
    for attempt in range(RENAME_ATTEMPTS):
        beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            write(beside)
            with beside.open("rb") as stream:
                os.fsync(stream.fileno())
            beside.replace(path)
            return
        except FileNotFoundError:
            if attempt == RENAME_ATTEMPTS - 1:
                raise
        finally:
            beside.unlink(missing_ok=True)


def run_of_row(row: Mapping[str, Any]) -> RunConfig:
    """Returns the science config that a row holds as columns."""
    values = {name: row[name] for name in RUN_FIELDS}
    return RunConfig(**(values | {"milestones": tuple(values["milestones"])}))


def science_columns(run: RunConfig) -> dict[str, Any]:
    return {name: getattr(run, name) for name in RUN_FIELDS} | {"milestones": list(run.milestones)}


def measure_columns(config: MeasureConfig) -> dict[str, Any]:
    """The settings of a measurement, as its row holds them."""
    values = values_of(config).items()
    return {f"measure_{name}": list(value) if isinstance(value, tuple) else value for name, value in values}


def measure_config_of(row: Mapping[str, Any]) -> MeasureConfig:
    """The settings that a row holds as columns; a row that is older than one has it at what changes nothing."""
    values: dict[str, Any] = {name: row[f"measure_{name}"] for name in MEASURE_FIELDS}
    values |= {name: unless for name, unless in MEASURE_UNLESS.items() if values[name] is None}
    lists = {name: tuple(values[name]) for name, own in MEASURE_SETTINGS.items() if isinstance(own.neutral, tuple)}
    return MeasureConfig(**(values | lists))


def distortion_of(row: Mapping[str, Any]) -> Distortion:
    """The corruption that a row holds as columns."""
    return Distortion(row["corruption"], row["severity"], row["corruption_seed"], row["corruption_source"])


# The columns that say with which options such work was done.
OPTION_COLUMNS: dict[Kind, tuple[str, ...]] = {
    "train": (),
    "measure": tuple(f"measure_{name}" for name in MEASURE_FIELDS),
    "distort": ("corruption", "severity", "corruption_seed", "corruption_source"),
}
_OPTIONS: dict[Kind, Callable[[Mapping[str, Any]], Options]] = {"measure": measure_config_of, "distort": distortion_of}


def options_of(kind: Kind, row: Mapping[str, Any]) -> Options | None:
    """The options of the work of `kind` that left `row`, which has the columns `OPTION_COLUMNS`."""
    return _OPTIONS[kind](row) if kind in _OPTIONS else None


def stored(results_dir: Path, columns: Iterable[str], kind: Kind = "train") -> list[dict[str, Any]]:
    """The rows that work of `kind` left in `results_dir`, as mappings; none where there is no such directory."""
    store = STORES[kind](results_dir)
    return store.read(list(columns)).to_pylist() if store.path.exists() else []
