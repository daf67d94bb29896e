"""Measurements made by hand."""

from typing import Any

from sweep.config.measures import FORMS
from sweep.config.measuring import MeasureConfig
from sweep.config.run import RunConfig
from sweep.config.work import Work
from sweep.measures.bounds import BOUNDS, SCALES
from sweep.results.rows import measure_columns
from sweep.results.schema import MEASURES
from tests.rows_of import START


def measure_row_of(run: RunConfig, config: MeasureConfig | None = None, **changes: Any) -> dict[str, Any]:
    """A finished row with every column: norms are 2, bounds 1, all searches converged."""
    config = config or MeasureConfig()
    forms: dict[str, Any] = {}
    for form in FORMS:
        forms |= {f"{form}_l2_norm": 2.0, f"{form}_distance": 2.0, f"{form}_threshold_missed": False}
        forms |= {f"{form}_{name}": 1.0 for name in (*BOUNDS, *SCALES)} | {f"{form}_landscape": []}
        forms |= {
            f"{form}_{name}_{flag}": flag == "converged" for name in SCALES for flag in ("converged", "saturated")
        }
    return {
        **dict.fromkeys(column.name for column in MEASURES.columns),
        **measure_columns(config),
        **forms,
        "task_id": Work("measure", config).task_id(run.run_id),
        "run_id": run.run_id,
        "measure_id": config.options_id,
        "status": "finished",
        "attempt": 1,
        "layers": [],
        "step_sizes": [],
        "seconds": 2.0,
        "device": "cpu",
        "code": "today",
        "started_at": START,
        "ended_at": START,
        **changes,
    }
