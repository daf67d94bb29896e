"""SGD, Adam and RMSprop with each member's own hyperparameters, as masked element-wise updates."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.parameters import MIN_STEP_SIZE
from sweep.training.array.state import ArrayState, Stack
from sweep.training.graph import compile_shapes

# PyTorch's defaults, which the plain engine uses
ADAM_BETAS, RMSPROP_ALPHA, EPS = (0.9, 0.999), 0.99, 1e-8
SCALE_GROWTH, SCALE_BACKOFF, SCALE_INTERVAL = 2.0, 0.5, 2000  # torch.amp.GradScaler's


class Rules(NamedTuple):
    """The hyperparameters that differ between members, each (K, 1); `lr` is set anew at every epoch, in place."""

    lr: Tensor
    weight_decay: Tensor
    step_size_weight_decay: Tensor
    momentum: Tensor
    is_adam: Tensor
    is_rmsprop: Tensor
    square_decay: Tensor  # of the running mean of squared gradients
    square_weight: Tensor  # 1 - square_decay, which float32 would not give

    @classmethod
    def of(cls, runs: Sequence[RunConfig], dtype: torch.dtype, device: torch.device) -> "Rules":
        def column(values: list[float]) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)[:, None]

        decay = [run.weight_decay for run in runs]
        square_decay = [ADAM_BETAS[1] if run.optimizer == "adam" else RMSPROP_ALPHA for run in runs]
        return cls(
            lr=column([run.lr for run in runs]),
            weight_decay=column(decay),
            step_size_weight_decay=column([run.weight_decay * run.step_size_weight_decay for run in runs]),
            momentum=column([run.momentum for run in runs]),
            is_adam=column([run.optimizer == "adam" for run in runs]).bool(),
            is_rmsprop=column([run.optimizer == "rmsprop" for run in runs]).bool(),
            square_decay=column(square_decay),
            square_weight=column([1 - each for each in square_decay]),
        )


def bias_corrections(rules: Rules, updates: Tensor) -> tuple[Tensor, Tensor]:
    """Returns Adam's learning rate over 1 - beta1^t, and what roots of squares are divided by, each (K, 1)."""
    beta1, beta2 = ADAM_BETAS
    dtype = rules.lr.dtype
    lr = rules.lr / torch.where(rules.is_adam, 1 - beta1**updates, 1.0).to(dtype)
    return lr, torch.where(rules.is_adam, (1 - beta2**updates).sqrt().to(dtype), 1.0)


def new_values(stack: Stack, rules: Rules, decay: Tensor, updates: Tensor, unscale: Tensor) -> tuple[Tensor, ...]:
    """Value, moment and square after one step.

    Args: `decay` (K, 1); `updates` (K, 1), float64, counts this step; `unscale` (K, 1) is what the gradients are
    multiplied with. Each member's rule is that of torch.optim (SGD without dampening or Nesterov, Adam, RMSprop
    not centred).
    """
    value = stack.value
    lr, correction = bias_corrections(rules, updates)
    grad = stack.grad * unscale + decay * value
    square = rules.square_decay * stack.square + rules.square_weight * grad * grad
    root = square.sqrt() / correction + EPS
    sgd_or_rmsprop = rules.momentum * stack.moment + torch.where(rules.is_rmsprop, grad / root, grad)
    moment = torch.where(rules.is_adam, torch.lerp(stack.moment, grad, 1 - ADAM_BETAS[0]), sgd_or_rmsprop)
    value = value - lr * torch.where(rules.is_adam, moment / root, moment)
    return value, moment, torch.where(rules.is_adam | rules.is_rmsprop, square, stack.square)


def _apply(stack: Stack, new: tuple[Tensor, ...], applies: Tensor | None) -> None:
    for target, tensor in zip((stack.value, stack.moment, stack.square), new, strict=True):
        target.copy_(tensor if applies is None else torch.where(applies, tensor, target))


class Optimizer:
    """Updates an array in place from its gradients; all of it stays on the device."""

    def __init__(self, state: ArrayState, runs: Sequence[RunConfig], compiled: bool) -> None:
        self.rules = Rules.of(runs, state.parameters.value.dtype, state.parameters.value.device)
        self._state = state
        self._scales_loss = runs[0].precision == "fp16"
        self._new_values = compile_shapes(new_values) if compiled else new_values

    def set_learning_rates(self, values: Sequence[float]) -> None:
        self.rules.lr.copy_(torch.tensor(values, dtype=self.rules.lr.dtype)[:, None])

    def step(self) -> None:
        """Takes one step of every member; one whose scaled gradients overflowed sits it out."""
        state, rules = self._state, self.rules
        applies = self._finite() if self._scales_loss else None
        state.updates += 1 if applies is None else applies[:, 0]
        unscale = (1 / state.loss_scale[:, None]).to(state.parameters.value.dtype)
        self._update_parameters(unscale, applies)
        self._update(state.steps, rules.step_size_weight_decay, unscale, applies)
        state.clamped += (state.steps.value < MIN_STEP_SIZE).sum(1)
        state.steps.value.clamp_(min=MIN_STEP_SIZE)
        if applies is not None:
            self._adapt_scale(applies[:, 0])

    def _update_parameters(self, unscale: Tensor, applies: Tensor | None) -> None:
        """All but the step sizes."""
        self._update(self._state.parameters, self.rules.weight_decay, unscale, applies)

    def _update(self, stack: Stack, decay: Tensor, unscale: Tensor, applies: Tensor | None) -> None:
        new = self._new_values(stack, self.rules, decay, self._state.updates[:, None], unscale)
        _apply(stack, new, applies)

    def _finite(self) -> Tensor:
        state = self._state
        return (state.parameters.grad.isfinite().all(1) & state.steps.grad.isfinite().all(1))[:, None]

    def _adapt_scale(self, applied: Tensor) -> None:
        """As torch.amp.GradScaler does it for one run."""
        state = self._state
        grown = state.scale_growth + 1
        doubled = torch.where(grown == SCALE_INTERVAL, state.loss_scale * SCALE_GROWTH, state.loss_scale)
        state.loss_scale.copy_(torch.where(applied, doubled, state.loss_scale * SCALE_BACKOFF))
        state.scale_growth.copy_(torch.where(applied, grown % SCALE_INTERVAL, 0))
