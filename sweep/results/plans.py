"""Plans that sweeps left on disk."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.config.run import RUN_FIELDS
from sweep.results.schema import with_later_columns


def read_plan(path: Path) -> pa.Table:
    """Returns the plan at `path` as `Plan.write` of this version would have written it, one row per task."""
    table = with_later_columns(pq.read_table(path), RUN_FIELDS)
    if "task_id" not in table.column_names:
        table = table.append_column("task_id", table["run_id"])
    return table if "code" in table.column_names else table.append_column("code", pa.nulls(len(table), pa.string()))


def study_of(path: Path) -> str:
    """Returns the name of the study of the plan at `path`."""
    return str(pq.read_schema(path).metadata[b"study"], "utf-8")


def rerun_of(path: Path) -> str:
    """Returns what the plan at `path` does again: missing or stale."""
    return str((pq.read_schema(path).metadata or {}).get(b"rerun", b"missing"), "utf-8")
