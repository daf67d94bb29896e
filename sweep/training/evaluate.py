"""Loss and accuracy on clean images."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from sweep.data.interface import CleanSplit, TrainingData
from sweep.training.precision import autocast, master_dtype
from sweep.training.ranks import ALONE, Ranks

BATCH = 1000


class Evaluation(NamedTuple):
    """Mean cross entropy in nats, and the share of images classified right."""

    loss: float
    acc: float


@torch.inference_mode()
def evaluate(
    model: nn.Module, data: TrainingData, split: CleanSplit, precision: str, ranks: Ranks = ALONE
) -> Evaluation:
    """Over all images of `split`, without augmentation, BN in evaluation mode; sums in float64.

    Every one of `ranks` evaluates its part, and returns what all found together.
    """
    model.eval()
    device, master = split.labels.device, master_dtype(precision)
    loss, right = torch.zeros(2, dtype=torch.float64, device=device)
    with parametrize.cached():
        for images, labels in split.batches(BATCH, ranks.part):
            with autocast(precision, device):
                logits = model(data.normalize(images).to(master))
            loss += F.cross_entropy(logits.to(master), labels, reduction="sum")
            right += (logits.argmax(1) == labels).sum()
    model.train()
    loss, right = ranks.sum(torch.stack([loss, right]))
    return Evaluation(loss.item() / len(split), right.item() / len(split))
