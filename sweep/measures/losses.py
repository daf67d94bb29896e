"""Loss, its gradient and accuracy of many sets of weights on an image set."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.measures.image_set import ImageSet
from sweep.measures.network import correct, loss_sums
from sweep.measures.space import BACKWARD, WeightSpace

GRADIENT_BATCH = 250  # images per backward pass; fixed, because rounding would follow it into signs of gradients

Summary = Callable[[list[int], int], float]


class Accuracy(NamedTuple):
    """The bounds that are known of an accuracy after `images` images: it lies from `low` to `high`."""

    low: float
    high: float
    images: int


def mean_share(right: list[int], images: int) -> float:
    return sum(right) / (len(right) * images)


def least_share(right: list[int], images: int) -> float:
    return min(right) / images


@torch.inference_mode()
def perturbed_accuracy(
    space: WeightSpace, vectors: Tensor, images: ImageSet, summary: Summary, decided: Callable[[float, float], bool]
) -> Accuracy:
    """The accuracy at `vectors` (K, omega), summarised over them, until `decided(low, high)` or all images are seen.

    Counts are integers and the bounds hold whatever the remaining images bring, so that neither the batch size nor
    the number of sets evaluated together changes a decision that is the same for `low` and `high`.
    """
    right, seen = [0] * len(vectors), 0
    networks = None
    for batch, labels in images.batches(space.batching.images, space.vector.dtype):
        if networks is None:
            networks = [space.network(chunk) for chunk in space.chunks(vectors, batch)]
        counts = torch.cat([correct(network.logits(batch), labels) for network in networks]).tolist()
        right = [a + b for a, b in zip(right, counts, strict=True)]
        seen += len(labels)
        most = [count + len(images) - seen for count in right]
        accuracy = Accuracy(summary(right, len(images)), summary(most, len(images)), seen)
        if decided(accuracy.low, accuracy.high):
            break
    return accuracy


@torch.inference_mode()
def losses(space: WeightSpace, vectors: Tensor, images: ImageSet) -> Tensor:
    """Mean cross entropy in nats at `vectors` (K, omega): (K,) float64."""
    total = torch.zeros(len(vectors), dtype=torch.float64, device=vectors.device)
    for batch, labels in images.batches(space.batching.images, vectors.dtype):
        parts = [loss_sums(space.network(chunk).logits(batch), labels) for chunk in space.chunks(vectors, batch)]
        total += torch.cat(parts)
    return total / len(images)


def loss_gradients(space: WeightSpace, vectors: Tensor, images: ImageSet) -> tuple[Tensor, Tensor]:
    """Mean cross entropy (K,) in float64 and its gradient (K, omega) at `vectors` (K, omega)."""
    total = torch.zeros(len(vectors), dtype=torch.float64, device=vectors.device)
    gradient = torch.zeros_like(vectors)
    for batch, labels in images.batches(GRADIENT_BATCH, vectors.dtype):
        start = 0
        for chunk in space.chunks(vectors, batch, passes=BACKWARD):
            leaf = chunk.detach().requires_grad_()
            sums = loss_sums(space.network(leaf).logits(batch), labels)
            members = slice(start, start + len(chunk))
            gradient[members] += torch.autograd.grad(sums.sum(), leaf)[0]
            total[members] += sums.detach()
            start += len(chunk)
    return total / len(images), gradient / len(images)
