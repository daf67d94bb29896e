"""Which optimizer, over which parameters, at which learning rate."""

import pytest
import torch
import yaml
from torch import nn

from sweep import PROJECT
from sweep.models import build_model
from sweep.quantizers.parameters import undecayed_parameters
from sweep.quantizers.placement import quantize
from sweep.training.parameter_groups import make_optimizer
from sweep.training.schedules import learning_rate
from tests.conftest import tiny_run


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("sgd", torch.optim.SGD),
        ("adam", torch.optim.Adam),
        ("rmsprop", torch.optim.RMSprop),
        ("adamw", torch.optim.AdamW),
    ],
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


def test_cosine_decay_by_hand_alone_and_times_steps() -> None:
    run = tiny_run(epochs=4, lr=0.8, milestones=[], lr_decay="cosine")
    half = 0.5**0.5
    assert [learning_rate(run, epoch) for epoch in range(4)] == pytest.approx(
        [0.8, 0.4 * (1 + half), 0.4, 0.4 * (1 - half)]
    )
    both = tiny_run(epochs=4, lr=0.8, milestones=[2], lr_gamma=0.1, lr_decay="cosine")
    assert learning_rate(both, 1) == learning_rate(run, 1)
    assert learning_rate(both, 2) == pytest.approx(0.04)


def test_tempering_is_a_cosine_and_a_tenth_after_every_50_epochs() -> None:
    values = yaml.safe_load((PROJECT / "conf" / "schedule" / "tempering.yaml").read_text())
    run = tiny_run(**values, lr=0.01)
    rates = [learning_rate(run, epoch) for epoch in (0, 50, 100, 150)]
    half = 0.5**0.5  # cos(pi / 4)
    assert run.epochs == 200
    assert rates == pytest.approx([0.01, 0.001 * (1 + half) / 2, 0.0001 / 2, 0.00001 * (1 - half) / 2])


@pytest.mark.parametrize("optimizer", ["adamw", "adam"])
def test_decay_of_adamw_is_decoupled(optimizer: str) -> None:
    """With a gradient of zero AdamW shrinks weights by lr times weight_decay; Adam takes the decay for a gradient."""
    run = tiny_run(bits=32, optimizer=optimizer, momentum=0.0, lr=0.01, weight_decay=0.5)
    model = nn.Linear(2, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    model.weight.grad = torch.zeros_like(model.weight)
    make_optimizer(model, run).step()
    expected = 2.0 * (1 - 0.01 * 0.5) if optimizer == "adamw" else 2.0 - 0.01
    torch.testing.assert_close(model.weight.detach(), torch.full((1, 2), expected))
