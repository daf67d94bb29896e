"""What both engines know of a run in training: what it is given besides its science config, and where it is."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sweep.data.interface import TrainingData
from sweep.training.ranks import ALONE, Ranks
from sweep.training.result import CleanEvaluation, EpochRecord, best_record
from sweep.training.teachers import TeacherSource


class Interrupted(Exception):
    """Training was asked to stop. A checkpoint holds all of it."""


@dataclass(frozen=True)
class TrainOptions:
    """The options of a run besides its science config; none of them changes a number."""

    code: str  # fingerprint of the training code; a checkpoint of other code is not resumed
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60
    weights: Path | None = None  # where the initial and the best weights are kept
    initial_weights: Path | None = None  # those that the run names, if they are not random
    teacher: TeacherSource | None = None  # that the run names, if it has one
    stop: Callable[[], bool] = lambda: False
    on_evaluation: Callable[[EpochRecord], None] = lambda record: None
    ranks: Ranks = ALONE  # the processes that train it together; all get the same options


@dataclass
class Progress:
    """The place where training is; with the tensors, all that a checkpoint needs."""

    epoch: int = 0  # complete ones
    step: int = 0  # in the current epoch
    seconds: float = 0.0
    diverged: bool = False
    curve: list[EpochRecord] = field(default_factory=list)

    def end_epoch(self, lr: float, batch_loss: float, evaluation: CleanEvaluation | None) -> bool:
        """Records the current epoch, trained at `lr`; returns whether it is the best of the curve until now.

        Args: `batch_loss` is the mean over the epoch's images, in nats. Where that is not finite the run has
        diverged: the epoch does not count as complete, and its `evaluation` is left out. The run has also diverged
        where the evaluation's training loss is not finite.
        """
        self.step = 0
        self.diverged = self.diverged or not math.isfinite(batch_loss)
        if self.diverged:
            evaluation = None
        record = EpochRecord(self.epoch + 1, lr, batch_loss, evaluation)
        self.curve.append(record)
        if not self.diverged:
            self.epoch += 1
        if evaluation is not None:
            self.diverged = not math.isfinite(evaluation.train_loss)
        return best_record(self.curve) is record

    def at_chance(self, data: TrainingData) -> bool:
        """Tells if no evaluated epoch beat always guessing the largest class of `data` by three standard errors."""
        share = data.train.labels.bincount().max().item() / len(data.train)
        limit = share + 3 * math.sqrt(share * (1 - share) / len(data.train))
        return all(record.evaluation is None or record.evaluation.train_acc <= limit for record in self.curve)


def report(progress: Progress, options: TrainOptions, reported: int) -> int:
    """Tells the listener of evaluated epochs from index `reported` of the curve on; returns where the next start."""
    for record in progress.curve[reported:]:
        if record.evaluation is not None:
            options.on_evaluation(record)
    return len(progress.curve)
