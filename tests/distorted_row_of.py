"""Evaluations on corrupted images made by hand."""

from typing import Any

from sweep.config.distorting import Distortion
from sweep.config.run import RunConfig
from sweep.config.work import Work
from sweep.results.schema import DISTORTIONS
from tests.rows_of import START


def distorted_row_of(run: RunConfig, distortion: Distortion, loss: float, acc: float, **changes: Any) -> dict[str, Any]:
    """A finished row with every column."""
    return {
        **dict.fromkeys(column.name for column in DISTORTIONS.columns),
        "task_id": Work("distort", distortion).task_id(run.run_id),
        "run_id": run.run_id,
        "status": "finished",
        "attempt": 1,
        "corruption": distortion.corruption,
        "severity": distortion.severity,
        "corruption_seed": distortion.seed,
        "corruption_source": distortion.source,
        "corruption_constants": "imagenet-c" if distortion.source == "generated" else distortion.source,
        "images": 100,
        "distorted_loss": loss,
        "distorted_acc": acc,
        "seconds": 1.0,
        "device": "cpu",
        "code": "today",
        "started_at": START,
        "ended_at": START,
        **changes,
    }
