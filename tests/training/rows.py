"""What tests compare of trainings: all that lies on disk of one, but for what time and the machine decide."""

from typing import Any

from sweep.training.result import TrainingResult

TIMED = ("seconds", "images_per_s", "device")


def row_of(result: TrainingResult) -> dict[str, Any]:
    """The columns of the row and, under `curve`, those of every epoch."""
    columns = {name: value for name, value in result.columns().items() if name not in TIMED}
    return columns | {"curve": [record.columns() for record in result.curve]}
