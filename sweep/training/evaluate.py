"""Loss and accuracy on clean images."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils import parametrize

from sweep.data.device import ImageData, Split
from sweep.training.precision import autocast, master_dtype

BATCH = 1000


class Evaluation(NamedTuple):
    """Mean cross entropy in nats, and the share of images classified right."""

    loss: float
    acc: float


@torch.inference_mode()
def evaluate(model: nn.Module, data: ImageData, split: Split, precision: str) -> Evaluation:
    """Over all images of `split`, without augmentation, BN in evaluation mode; sums in float64."""
    model.eval()
    device, master = split.labels.device, master_dtype(precision)
    loss, right = torch.zeros(2, dtype=torch.float64, device=device)
    with parametrize.cached():
        for start in range(0, len(split), BATCH):
            labels = split.labels[start : start + BATCH]
            with autocast(precision, device):
                logits = model(data.normalize(split.images[start : start + BATCH]).to(master))
            loss += F.cross_entropy(logits.to(master), labels, reduction="sum")
            right += (logits.argmax(1) == labels).sum()
    model.train()
    return Evaluation(loss.item() / len(split), right.item() / len(split))
