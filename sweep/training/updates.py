"""What one batch does to the parameters."""

from collections.abc import Callable

import torch
from torch import Tensor

Loss = Callable[[Tensor, Tensor], Tensor]  # of images (B, H, W, C) uint8 and labels (B,): the mean over the batch


class GradientStep:
    """One step of the optimizer along the gradient of the loss."""

    def __init__(self, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler) -> None:
        self._optimizer, self._scaler = optimizer, scaler

    def __call__(self, loss_of: Loss, images: Tensor, labels: Tensor) -> Tensor:
        """Returns the loss before the step, detached."""
        self._optimizer.zero_grad()
        loss = loss_of(images, labels)
        self._scaler.scale(loss).backward()
        self._scaler.step(self._optimizer)
        self._scaler.update()
        return loss.detach()
