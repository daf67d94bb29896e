"""The masked update of an array against torch.optim, one optimizer per member."""

from typing import Any

import torch

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.training.array.state import ArrayState, Stack
from sweep.training.array.update import Optimizer, Rules, new_values
from sweep.training.state import TrainingState
from tests.conftest import tiny_run
from tests.training.array.members import ADAM, CPU, RMSPROP, data_of, members

SPECS: list[dict[str, Any]] = [
    {"lr": 0.1, "weight_decay": 0.01},
    {"lr": 0.05, "momentum": 0.0, "weight_decay": 0.0},
    {**ADAM, "weight_decay": 0.02},
    {**ADAM, "weight_decay": 0.0},
    {**RMSPROP, "momentum": 0.9},
    {**RMSPROP, "momentum": 0.0, "weight_decay": 0.01},
]


def reference(run: RunConfig, parameter: torch.Tensor) -> torch.optim.Optimizer:
    common = {"lr": run.lr, "weight_decay": run.weight_decay}
    if run.optimizer == "adam":
        return torch.optim.Adam([parameter], **common)
    if run.optimizer == "rmsprop":
        return torch.optim.RMSprop([parameter], momentum=run.momentum, **common)
    return torch.optim.SGD([parameter], momentum=run.momentum, **common)


def test_twenty_steps_of_every_rule() -> None:
    runs = [tiny_run(**spec) for spec in SPECS]
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(len(runs), 7, generator=generator, dtype=torch.float64)
    stack = Stack(start.clone(), *(torch.zeros_like(start) for _ in range(3)))
    parameters = [row.clone().requires_grad_() for row in start]
    optimizers = [reference(run, parameter) for run, parameter in zip(runs, parameters, strict=True)]
    rules = Rules.of(runs, torch.float64, CPU)
    updates = torch.zeros(len(runs), 1, dtype=torch.float64)
    for _ in range(20):
        stack.grad.copy_(torch.randn(stack.grad.shape, generator=generator, dtype=torch.float64))
        updates += 1
        new = new_values(stack, rules, rules.weight_decay, updates, torch.ones_like(updates))
        for target, tensor in zip((stack.value, stack.moment, stack.square), new, strict=True):
            target.copy_(tensor)
        for grad, parameter, optimizer in zip(stack.grad, parameters, optimizers, strict=True):
            parameter.grad = grad.clone()
            optimizer.step()
    for row, parameter in zip(stack.value, parameters, strict=True):
        torch.testing.assert_close(row, parameter.detach(), rtol=2e-15, atol=2e-15)


def test_only_the_member_whose_scaled_gradients_overflow_sits_a_step_out(digit_arrays: ImageArrays) -> None:
    """And halves its loss scale; 2,000 steps without an overflow double it (torch.amp.GradScaler)."""
    runs = members(3, precision="fp16")
    trainings = [TrainingState(run, data_of(runs, digit_arrays), CPU) for run in runs]
    state = ArrayState(trainings, CPU)
    before = state.parameters.value.clone()
    state.parameters.grad.fill_(65536.0)  # 1 once unscaled
    state.parameters.grad[1, 5] = float("inf")
    state.scale_growth[2] = 1999
    Optimizer(state, runs, compiled=False).step()
    assert state.loss_scale.tolist() == [65536.0, 32768.0, 131072.0]
    assert state.scale_growth.tolist() == [1, 0, 0]
    assert state.updates.tolist() == [1, 0, 1]
    assert torch.equal(state.parameters.value[1], before[1])
    decay = runs[0].weight_decay * before[0]
    torch.testing.assert_close(state.parameters.value[0], before[0] - runs[0].lr * (1 + decay))
    assert not torch.equal(state.parameters.value[2], before[2])


def test_a_step_size_stays_above_zero_and_that_it_had_to_is_counted(digit_arrays: ImageArrays) -> None:
    runs = members(2, precision="fp32")
    state = ArrayState([TrainingState(run, data_of(runs, digit_arrays), CPU) for run in runs], CPU)
    state.steps.grad[0, 2] = 1e6
    Optimizer(state, runs, compiled=False).step()
    assert state.steps.value[0, 2] == torch.tensor(1e-8)
    assert state.clamped.tolist() == [1, 0]
    assert state.steps.value[1].tolist() == [1.0] * 7  # full precision: no step sizes
