"""Rows made by hand."""

import datetime
from typing import Any

from sweep.config.run import RunConfig
from sweep.results.rows import science_columns
from sweep.results.schema import ROWS

START = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def row_of(run: RunConfig, **changes: Any) -> dict[str, Any]:
    """A finished row with every column."""
    return {
        **dict.fromkeys(column.name for column in ROWS.columns),
        **science_columns(run),
        "run_id": run.run_id,
        "status": "finished",
        "attempt": 1,
        "train_loss": 0.5,
        "test_loss": 0.75,
        "train_acc": 0.75,
        "test_acc": 0.5,
        "gap": 0.25,
        "at_chance": False,
        "seconds": 2.0,
        "device": "cpu",
        "engine": "plain",
        "code": "today",
        "started_at": START,
        "ended_at": START,
        **changes,
    }
