"""Loss and accuracy on clean images."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.data.interface import CleanSplit, TrainingData
from sweep.training.precision import autocast, master_dtype
from sweep.training.ranks import ALONE, Ranks
from sweep.training.result import CleanEvaluation

BATCH = 1000


class Evaluation(NamedTuple):
    """Mean cross entropy in nats, the share of images classified right, and that with the label among the first 5."""

    loss: float
    acc: float
    top5: float


def among_first(logits: Tensor, labels: Tensor, k: int = 5) -> Tensor:
    """Returns how many of B images have fewer than `k` logits above their label's; logits (..., B, classes), labels
    (B,).
    """
    own = logits.gather(-1, labels.expand(logits.shape[:-1])[..., None])
    return ((logits > own).sum(-1) < k).sum(-1)


@torch.inference_mode()
def evaluate(
    model: nn.Module, data: TrainingData, split: CleanSplit, precision: str, ranks: Ranks = ALONE
) -> Evaluation:
    """Evaluates `model` on all images of `split`, without augmentation, BN in evaluation mode; sums in float64.

    Every one of `ranks` evaluates its part, and returns what all found together.
    """
    model.eval()
    device, master = split.labels.device, master_dtype(precision)
    loss, right, first = torch.zeros(3, dtype=torch.float64, device=device)
    with parametrize.cached():
        for images, labels in split.batches(BATCH, ranks.part):
            with autocast(precision, device):
                logits = model(data.normalize(images).to(master))
            loss += F.cross_entropy(logits.to(master), labels, reduction="sum")
            right += (logits.argmax(1) == labels).sum()
            first += among_first(logits, labels)
    model.train()
    sums = ranks.sum(torch.stack([loss, right, first]))
    return Evaluation(*(sums / len(split)).tolist())


def evaluate_clean(model: nn.Module, data: TrainingData, precision: str, ranks: Ranks = ALONE) -> CleanEvaluation:
    """Evaluates `model` on both splits of `data`; see `evaluate`."""
    return of_both(*(evaluate(model, data, split, precision, ranks) for split in (data.train, data.test)))


def of_both(train: Evaluation, test: Evaluation) -> CleanEvaluation:
    """The evaluations of the training and of the test set as one record of an epoch."""
    return CleanEvaluation(train.loss, train.acc, test.loss, test.acc, test.top5)
