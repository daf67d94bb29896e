"""What training reports: the record of every epoch, and the result that a run's row and curve are made of."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Value = float | int | str | bool | None  # of one column


class CleanEvaluation(NamedTuple):
    """Loss and accuracy on both splits without augmentation: mean cross entropy in nats, shares of the images.

    `test_top5` is the share of the test images whose label is among the five largest logits.
    """

    train_loss: float
    train_acc: float
    test_loss: float
    test_acc: float
    test_top5: float


@dataclass(frozen=True)
class EpochRecord:
    """One epoch of a run's curve; `epoch` counts from 1, and not every epoch is evaluated on clean images."""

    epoch: int
    lr: float
    batch_loss: float  # mean over the images of the epoch's batches, as they were trained on
    evaluation: CleanEvaluation | None = None

    def columns(self) -> dict[str, Value]:
        """The columns of this epoch in the table of curves; those of an evaluation are null where it has none."""
        evaluated = self.evaluation._asdict() if self.evaluation else dict.fromkeys(CleanEvaluation._fields)
        return {"epoch": self.epoch, "lr": self.lr, "batch_loss": self.batch_loss, **evaluated}

    @classmethod
    def of_columns(cls, columns: Mapping[str, Any]) -> "EpochRecord":
        """The inverse of `columns`."""
        evaluated = [columns[name] for name in CleanEvaluation._fields]
        evaluation = None if evaluated[0] is None else CleanEvaluation(*evaluated)
        return cls(columns["epoch"], columns["lr"], columns["batch_loss"], evaluation)


def best_record(curve: Sequence[EpochRecord]) -> EpochRecord | None:
    """The evaluated epoch with the lowest training loss, the first of equals (QGen B.3: no test data used)."""
    known = [record for record in curve if math.isfinite(_train_loss(record))]
    return min(known, key=_train_loss, default=None)


def _train_loss(record: EpochRecord) -> float:
    return record.evaluation.train_loss if record.evaluation else math.nan


@dataclass(frozen=True)
class TrainingResult:
    """The end of the training of one run, over all its attempts."""

    run_id: str
    status: Literal["finished", "diverged"]
    curve: tuple[EpochRecord, ...]
    epochs_trained: int  # complete ones
    at_chance: bool  # no evaluated epoch beat always guessing the largest class
    train_size: int  # images
    test_size: int
    seconds: float
    parameters: int
    step_sizes_clamped: int  # how often a parameter of a quantizer was kept above zero
    device: str  # cpu, or the name of the GPU
    engine: Literal["plain", "array"] = "plain"
    array_size: int = 1

    def columns(self) -> dict[str, Value]:
        """The columns of the row that training fills (`sweep.results.schema.ROWS`).

        Losses and accuracies are those of the best epoch, and with last_ of the last; a gap is test loss - train loss.
        All of them are null where the run diverged.
        """
        counts = {name: getattr(self, name) for name in _COUNTS}
        return self._losses() | counts | {"images_per_s": self.epochs_trained * self.train_size / self.seconds}

    def curve_rows(self) -> list[dict[str, Value]]:
        """The rows of `sweep.results.schema.CURVES`, one per epoch."""
        return [record.columns() | {"run_id": self.run_id} for record in self.curve]

    def _losses(self) -> dict[str, Value]:
        best, last = best_record(self.curve), self.curve[-1]
        if self.status == "diverged" or best is None or best.evaluation is None or last.evaluation is None:
            return dict.fromkeys(_LOSSES)
        return {
            **best.evaluation._asdict(),
            **{f"last_{name}": value for name, value in last.evaluation._asdict().items()},
            "best_epoch": best.epoch,
            "gap": best.evaluation.test_loss - best.evaluation.train_loss,
            "last_gap": last.evaluation.test_loss - last.evaluation.train_loss,
            "at_chance": self.at_chance,
        }


_LOSSES = (
    *CleanEvaluation._fields, *(f"last_{name}" for name in CleanEvaluation._fields),
    "best_epoch", "gap", "last_gap", "at_chance",
)  # fmt: skip
_COUNTS = (
    "status", "epochs_trained", "train_size", "test_size", "seconds", "parameters", "step_sizes_clamped", "device",
    "engine", "array_size",
)  # fmt: skip
