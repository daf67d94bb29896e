"""Which optimizer, over which parameters, at which learning rate."""

import pytest
import torch
from torch import nn

from sweep.models import build_model
from sweep.quantizers import quantize, undecayed_parameters
from sweep.training.optimizers import learning_rate, make_optimizer
from tests.conftest import tiny_run


@pytest.mark.parametrize(
    ("name", "kind"),
    [("sgd", torch.optim.SGD), ("adam", torch.optim.Adam), ("rmsprop", torch.optim.RMSprop)],
)
@pytest.mark.parametrize("decay_steps", [False, True])
def test_step_sizes_have_a_group_of_their_own(name: str, kind: type[torch.optim.Optimizer], decay_steps: bool) -> None:
    momentum = 0.9 if name == "sgd" else 0.0
    run = tiny_run(optimizer=name, momentum=momentum, lr=0.05, step_size_weight_decay=decay_steps)
    model = quantize(build_model(run, 1, 10, (8, 8)), run)
    optimizer = make_optimizer(model, run)
    others, steps = optimizer.param_groups
    assert type(optimizer) is kind
    assert {id(p) for p in steps["params"]} == {id(p) for p in undecayed_parameters(model)}
    assert len(others["params"]) + len(steps["params"]) == len(list(model.parameters()))
    assert (others["weight_decay"], steps["weight_decay"]) == (0.0001, 0.0001 if decay_steps else 0.0)
    assert others["lr"] == steps["lr"] == 0.05
    assert others.get("momentum", 0.0) == momentum


def test_full_precision_has_one_group() -> None:
    run = tiny_run(bits=32)
    assert len(make_optimizer(nn.Linear(2, 2), run).param_groups) == 1


def test_learning_rate_of_qgen() -> None:
    run = tiny_run(epochs=300, lr=0.1)
    rates = [learning_rate(run, epoch) for epoch in (0, 99, 100, 199, 200, 299)]
    assert rates == pytest.approx([0.1, 0.1, 0.01, 0.01, 0.001, 0.001])
