"""What a training step makes small: cross entropy with labels or with a teacher's, and a penalty on the weights."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.data.interface import Batch
from sweep.quantizers.bins import bin_regularization, coefficient
from sweep.training.teachers import SoftLabels


class Objective:
    """The loss of a batch, or of a part of one, from its logits and targets. What depends on the epoch is on the
    device, for captured steps to read."""

    def __init__(self, run: RunConfig, model: nn.Module, soft_labels: SoftLabels | None) -> None:
        self._run, self._model, self._soft_labels = run, model, soft_labels
        parameter = next(model.parameters())
        self._coefficient = torch.zeros((), dtype=parameter.dtype, device=parameter.device)

    def start(self, epoch: int) -> None:
        """Goes to `epoch`, counted from 0."""
        run = self._run
        if run.bin_regularization:
            start, largest = run.bin_regularization_start, run.bin_regularization
            self._coefficient.fill_(coefficient(largest, start, epoch, run.epochs))

    def targets(self, batch: Batch) -> Tensor:
        """Returns the targets of the one seed of `batch`: labels (B,), or with a teacher (B, 2, classes), its
        probabilities and the labels as such."""
        if self._soft_labels is None:
            return batch.labels[0]
        soft = self._soft_labels(batch)
        return torch.stack([soft, F.one_hot(batch.labels[0], soft.shape[1]).to(soft.dtype)], 1)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Mean over the images, in nats."""
        run = self._run
        if self._soft_labels is None:
            loss = F.cross_entropy(logits, targets)
        else:
            loss = distillation(logits, targets, run.temperature, run.hard_label_share)
        return loss + self._coefficient * bin_regularization(self._model) if run.bin_regularization else loss


def distillation(logits: Tensor, targets: Tensor, temperature: float, hard_share: float) -> Tensor:
    """Returns (1 - share) T^2 H(p, softmax(z / T)) + share H(y, softmax(z)), H the cross entropy (Hinton et al. 2015,
    2).

    Logits z (B, classes); targets (B, 2, classes): the teacher's p, which has T in it, and y.
    """
    soft = F.cross_entropy(logits / temperature, targets[:, 0]) * temperature**2
    return soft if not hard_share else torch.lerp(soft, F.cross_entropy(logits, targets[:, 1]), hard_share)
