"""Merges the shards of a results directory into few files."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from sweep.results.paths import ResultsDir
from sweep.results.rows import FINAL, Store, best_rows, shards, write_beside
from sweep.results.schema import TABLES

ROW_GROUP = 20_000
RMDIR_ATTEMPTS = 100
READ_TOGETHER = 200
# Rows are sorted by what readers filter by, so that row groups can be skipped.
SORT_BY = ("dataset", "model", "bits", "optimizer", "run_id", "task_id", "epoch")


def compact(store: Store) -> int:
    """Merges all shards of `store`; returns how many files it read, 0 where nothing was to merge.

    It may be killed at any moment: rows are removed only after the generation that has them is the current one.
    Failed rows stay in files of their own, which the next attempt replaces.
    """
    if not store.path.exists() and not store.generations():
        return 0
    with _alone(store) as is_alone:
        if not is_alone:
            return 0
        store.adopt_copy()
        old = store.generations()
        files = [file for folder in old for file in shards(folder)]
        if len(old) == 1 and not _worth_merging(store, files):
            return 0
        inodes = {file.stat().st_ino for file in files}
        store = store.with_columns_of(files)
        new = store.new_generation()
        _write_merged(store, files, new)
        store.turn_to(new)
        for folder in old:
            _remove_generation(folder, inodes, new)
        return len(files)


def _worth_merging(store: Store, files: list[Path]) -> bool:
    """Not one file, and not one part beside one failed row, which would stay beside the next part too."""
    parts = [file for file in files if file.name.startswith("part-")]
    if len(files) == 2 and len(parts) == 1:
        (other,) = set(files) - set(parts)
        shard = store.read_shard(other)
        return not (shard and "status" in shard.column_names and shard["status"][0].as_py() not in FINAL)
    return len(files) > 1


@contextmanager
def _alone(store: Store) -> Iterator[bool]:
    """Whether no other process compacts this table now; the lock ends with the process that holds it."""
    with ResultsDir(store.results_dir).compaction_lock(store.name).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
        else:
            yield True


def _write_merged(store: Store, files: list[Path], folder: Path) -> None:
    merged = best_rows(_read_all(store, files), store.key)
    if "status" in merged.column_names:
        is_final = pc.is_in(merged["status"], pa.array(FINAL))
        for failed in merged.filter(pc.invert(is_final)).to_pylist():
            pq.write_table(pa.Table.from_pylist([failed], store.schema), folder / f"{failed[store.key]}.parquet")
        merged = merged.filter(is_final)
    merged = merged.sort_by([(name, "ascending") for name in SORT_BY if name in merged.column_names])
    if len(merged):
        path = folder / f"part-{folder.name.rpartition('-')[2]}.parquet"
        write_beside(path, lambda beside: pq.write_table(merged, beside, row_group_size=ROW_GROUP))


def _read_all(store: Store, files: list[Path]) -> pa.Table:
    """All rows in one piece: a table of one row takes a hundred times the memory of its row in a larger one."""
    chunks = (files[start : start + READ_TOGETHER] for start in range(0, len(files), READ_TOGETHER))
    tables = [store.read_files(chunk, store.schema.names).combine_chunks() for chunk in chunks]
    return pa.concat_tables([store.schema.empty_table(), *tables])


def _remove_generation(folder: Path, merged: set[int], new: Path) -> None:
    """Removes the files whose inodes were merged, and moves to `new` what a writer put there since then."""
    for _ in range(RMDIR_ATTEMPTS):  # it fails as long as anything is in the folder
        for file in folder.iterdir():
            # Moved before it is looked at, so that no writer can replace it in between.
            held = file.replace(new / f".{file.name}")
            if held.stat().st_ino in merged or file.name.startswith("."):
                held.unlink()
            else:
                held.replace(new / file.name)
        try:
            folder.rmdir()
            return
        except OSError:
            continue


def compact_all(results_dir: Path) -> None:
    """Merges the shards of every table."""
    for store in all_stores(results_dir):
        compact(store)


def all_stores(results_dir: Path) -> list[Store]:
    return [Store(results_dir, table) for table in TABLES]
