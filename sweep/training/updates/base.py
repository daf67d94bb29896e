"""What one batch does to the parameters."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from sweep.config.part_classes import Rule
from sweep.config.parts import part_of
from sweep.config.run import RunConfig

Loss = Callable[[Tensor, Tensor], Tensor]  # of images (B, H, W, C) uint8 and their targets (B, ...): the mean
Update = Callable[[Loss, Tensor, Tensor], Tensor]  # returns the loss before the step, detached


@dataclass(frozen=True)
class Updates:
    """The two updates of a rule: `renewing` at the first step and at every `tau`-th, `between` at the others; what
    they keep from step to step.

    Which one it is depends on the number of the step alone, so that both can be captured in CUDA graphs.
    """

    renewing: Update
    between: Update
    tau: int = 1
    kept: list[Tensor] = field(default_factory=list)

    def at(self, step: int) -> Update:
        """The one of `step`, counted from 0 over all epochs (SAQ Alg. 1 has nothing to use before t = tau)."""
        return self.renewing if step == 0 or (step + 1) % self.tau == 0 else self.between

    def load(self, kept: list[Tensor]) -> None:
        for own, other in zip(self.kept, kept, strict=True):
            own.copy_(other)


def make_updates(
    run: RunConfig, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> Updates:
    """Makes the updates of `run.rule`, for a quantized `model` where it will stay."""
    updates: Updates = part_of(Rule, run.rule).load().make_updates(run, model, optimizer, scaler)
    return updates
