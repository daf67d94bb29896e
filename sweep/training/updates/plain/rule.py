"""One step along the gradient: the rule `plain`."""

import torch
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.training.updates.base import Loss, Updates


class GradientStep:
    """One step of the optimizer along the gradient of the loss."""

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self._optimizer, self._scaler = optimizer, scaler

    def __call__(self, loss_of: Loss, images: Tensor, labels: Tensor) -> Tensor:
        self._optimizer.zero_grad()
        loss = loss_of(images, labels)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()


def make_updates(
    run: RunConfig, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> Updates:
    step = GradientStep(optimizer, scaler)
    return Updates(step, step)
