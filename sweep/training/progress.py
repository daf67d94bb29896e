"""What both engines know of a run in training, and the result that its row is made of."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.training.evaluate import Evaluation
from sweep.training.ranks import ALONE, Ranks
from sweep.training.teachers import TeacherSource

Record = dict[str, float | int | None]  # one epoch of a curve
EVALUATED = ("train_loss", "train_acc", "test_loss", "test_acc", "test_top5")


class Interrupted(Exception):
    """Training was asked to stop. A checkpoint holds all of it."""


@dataclass(frozen=True)
class TrainOptions:
    """What a run needs besides its science config. None of it changes a number."""

    code: str  # fingerprint of the training code; a checkpoint of other code is not resumed
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60
    weights: Path | None = None  # where the initial and the best weights are kept
    initial_weights: Path | None = None  # those that the run names, if they are not random
    teacher: TeacherSource | None = None  # that the run names, if it has one
    stop: Callable[[], bool] = lambda: False
    on_evaluation: Callable[[Mapping[str, float | int | None]], None] = lambda record: None
    ranks: Ranks = ALONE  # the processes that train it together; all get the same options


@dataclass
class Progress:
    """Where training is; with the tensors, all that a checkpoint needs."""

    epoch: int = 0  # complete ones
    step: int = 0  # in the current epoch
    seconds: float = 0.0
    diverged: bool = False
    curve: list[Record] = field(default_factory=list)

    def end_epoch(self, lr: float, batch_loss: float) -> None:
        """Appends the record of the current epoch; one that diverged does not count as complete."""
        self.step = 0
        self.diverged = self.diverged or not math.isfinite(batch_loss)
        record: Record = {"epoch": self.epoch + 1, "lr": lr, "batch_loss": batch_loss}
        self.curve.append(dict.fromkeys(EVALUATED) | record)
        if not self.diverged:
            self.epoch += 1

    def add_evaluation(self, train: Evaluation, test: Evaluation) -> bool:
        """Completes the record of the last epoch; returns whether it is the best until now."""
        record = self.curve[-1]
        record |= {"train_loss": train.loss, "train_acc": train.acc}
        record |= {"test_loss": test.loss, "test_acc": test.acc, "test_top5": test.top5}
        self.diverged = not math.isfinite(train.loss)
        return best_record(self.curve) is record


def best_record(curve: list[Record]) -> Record | None:
    """The evaluated epoch with the lowest training loss, the first of equals (QGen B.3: no test data used)."""
    evaluated = [record for record in curve if record["train_loss"] is not None]
    finite = [record for record in evaluated if math.isfinite(record["train_loss"])]  # type: ignore[arg-type]
    return min(finite, key=lambda record: record["train_loss"], default=None)  # type: ignore[arg-type, return-value]


def result_of(run: RunConfig, progress: Progress, data: TrainingData) -> dict[str, Any]:
    """The columns of a row that follow from the curve (see sweep/results/schema.py), and the curve itself."""
    best, last = best_record(progress.curve), progress.curve[-1]
    result: dict[str, Any] = dict.fromkeys((*EVALUATED, "best_epoch", "gap", "last_gap", "at_chance"))
    result |= {f"last_{name}": None for name in EVALUATED}
    if not progress.diverged and best is not None:
        result |= {name: best[name] for name in EVALUATED} | {"best_epoch": best["epoch"]}
        result |= {f"last_{name}": last[name] for name in EVALUATED}
        result["gap"] = result["test_loss"] - result["train_loss"]
        result["last_gap"] = result["last_test_loss"] - result["last_train_loss"]
        result["at_chance"] = _at_chance(progress.curve, data)
    return result | {
        "status": "diverged" if progress.diverged else "finished",
        "epochs_trained": progress.epoch,
        "train_size": len(data.train),
        "test_size": len(data.test),
        "seconds": progress.seconds,
        "images_per_s": progress.epoch * len(data.train) / progress.seconds,
        "curve": [{**record, "run_id": run.run_id} for record in progress.curve],
    }


def _at_chance(curve: list[Record], data: TrainingData) -> bool:
    """True where no evaluated epoch beat always guessing the largest class by three standard errors."""
    share = data.train.labels.bincount().max().item() / len(data.train)
    limit = share + 3 * math.sqrt(share * (1 - share) / len(data.train))
    return all(record["train_acc"] is None or record["train_acc"] <= limit for record in curve)
