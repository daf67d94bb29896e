"""Sharpness-aware rules: SAM (Foret et al. 2021) and SAQ (Liu et al. 2021, algorithm 1)."""

from collections.abc import Iterable, Iterator
from functools import reduce

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.training.updates.base import Loss, Updates
from sweep.training.updates.efficient import approximate, vertical
from sweep.training.updates.passes import Bypass, Repeated
from sweep.training.updates.perturbation import Perturbation

Chunk = tuple[Tensor, Tensor, float]  # images, labels, share of the batch


class SharpnessAware:
    """A step of the optimizer along g_s, the gradient with perturbed weights, or as `combine` says along g_s + g.

    g is the gradient of the loss as it is; it is taken first and gives eps, and the loss returned is the one it is of.
    In fp16 gradients stay scaled: all that is made of them here is proportional to them or to their directions alone.
    Where one overflowed, what follows of it is infinite or NaN and the scaler skips the step.
    """

    def __init__(
        self,
        run: RunConfig,
        model: nn.Module,
        optimizer: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        combine: str,
    ) -> None:
        self._run, self._optimizer, self._scaler, self._combine = run, optimizer, scaler, combine
        self._per_tensor = run.efficient_norms == "tensor"
        self._parameters = list(model.parameters())
        self._repeated = Repeated(model)
        self._bypass = Bypass(model) if run.grad_source == "full_precision" else None
        self._perturbation = Perturbation(run, model)
        self.vertical = [torch.zeros_like(p) for p in self._parameters] if run.tau > 1 else []

    def updates(self) -> Updates:
        return Updates(self.renew, self.reuse, self._run.tau, self.vertical)

    def renew(self, loss_of: Loss, images: Tensor, labels: Tensor) -> Tensor:
        """Takes a step with perturbed weights; keeps of their gradient what `reuse` needs."""
        loss, *gradients = _total(self._both(loss_of, chunk) for chunk in self._chunks(images, labels))
        vanilla, perturbed = gradients[: len(self._parameters)], gradients[len(self._parameters) :]
        if self.vertical:
            self._keep(vertical(perturbed, vanilla, self._per_tensor))
        self._step(vanilla, perturbed)
        return loss

    def reuse(self, loss_of: Loss, images: Tensor, labels: Tensor) -> Tensor:
        """Takes a step with the gradient that perturbed weights would have, as far as one of an earlier step tells."""
        loss, *vanilla = _total(self._one(loss_of, chunk) for chunk in self._chunks(images, labels))
        self._step(vanilla, approximate(vanilla, self.vertical, self._run.beta, self._per_tensor))
        return loss

    def _chunks(self, images: Tensor, labels: Tensor) -> Iterator[Chunk]:
        """Of at most m_sharpness images, as equal as can be. BN has statistics of its own in each."""
        size = len(images)
        count = -(-size // (self._run.m_sharpness or size))
        for part, targets in zip(images.tensor_split(count), labels.tensor_split(count), strict=True):
            yield part, targets, len(part) / size

    def _both(self, loss_of: Loss, chunk: Chunk) -> list[Tensor]:
        """The loss, and the gradients of all parameters without and with the perturbation, times the chunk's share."""
        self._repeated.first()
        self._perturbation.watch()
        loss, *vanilla = self._one(loss_of, chunk)
        if self._bypass:
            with self._repeated.again(moves_statistics=False), self._bypass.applied():
                self._backward(loss_of, chunk)
        with self._repeated.again(self._run.bn_statistics == "both"), self._perturbation.applied():
            _, *perturbed = self._one(loss_of, chunk)
        return [loss, *vanilla, *perturbed]

    def _one(self, loss_of: Loss, chunk: Chunk) -> list[Tensor]:
        loss = self._backward(loss_of, chunk)
        return [loss, *(torch.zeros_like(p) if p.grad is None else p.grad for p in self._parameters)]

    def _backward(self, loss_of: Loss, chunk: Chunk) -> Tensor:
        images, labels, share = chunk
        self._optimizer.zero_grad()
        loss = loss_of(images, labels) * share
        self._scaler.scale(loss).backward()
        return loss.detach()

    @torch.no_grad()
    def _keep(self, new: list[Tensor]) -> None:
        is_finite = torch.stack([v.isfinite().all() for v in new]).all()  # what overflowed in fp16 must not stay
        for own, other in zip(self.vertical, new, strict=True):
            own.copy_(torch.where(is_finite, other, own))

    def _step(self, vanilla: list[Tensor], perturbed: list[Tensor]) -> None:
        for parameter, g, g_s in zip(self._parameters, vanilla, perturbed, strict=True):
            if parameter.grad is not None:  # the optimizer leaves alone what the network does not use
                parameter.grad = self._combined(g, g_s)
        self._scaler.step(self._optimizer)
        self._scaler.update()

    def _combined(self, vanilla: Tensor, perturbed: Tensor) -> Tensor:
        if self._combine == "perturbed":
            return perturbed
        total = perturbed + vanilla
        return total / 2 if self._combine == "mean" else total


def _total(parts: Iterable[list[Tensor]]) -> list[Tensor]:
    """Over the chunks of a batch, tensor by tensor."""
    return reduce(lambda total, part: [a + b for a, b in zip(total, part, strict=True)], parts)
