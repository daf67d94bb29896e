"""K sets of weights at once against one network after the other."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call

from sweep.measures.network import BatchedNiN, LoopedNetwork, batched_network, correct, loss_sums
from sweep.training.weights import fold
from tests.measures.tiny import PlainLinear, random_nin


def stacks(model: nn.Module, sets: int, names: list[str]) -> dict[str, torch.Tensor]:
    drawn = torch.Generator().manual_seed(3)
    return {
        name: model.get_parameter(name).detach()
        + 0.1 * torch.randn(sets, *model.get_parameter(name).shape, generator=drawn, dtype=torch.float64)
        for name in names
    }


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(("channels", "depth", "inputs", "size"), [(4, 2, 1, (8, 8)), (3, 3, 2, (9, 14))])
@pytest.mark.parametrize("chosen", ["counted", "all", "one"])
def test_batched_nin_is_each_network(
    folded: bool, channels: int, depth: int, inputs: int, size: tuple[int, int], chosen: str
) -> None:
    model = random_nin(channels, depth, inputs)
    model = (fold(model) if folded else model).requires_grad_(False)
    names = [name for name, _ in model.named_parameters() if chosen == "all" or name.endswith("0.weight")]
    weights = stacks(model, 3, names[2:3] if chosen == "one" else names)
    leaves = {name: stack.requires_grad_() for name, stack in weights.items()}
    images = torch.randn(5, inputs, *size, dtype=torch.float64)
    network = batched_network(model, leaves)
    assert isinstance(network, BatchedNiN)
    logits = network.logits(images)
    expected = torch.stack([functional_call(model, {n: s[k] for n, s in leaves.items()}, images) for k in range(3)])
    torch.testing.assert_close(logits, expected, rtol=1e-12, atol=1e-13)
    chosen_logits = torch.randn(logits.shape, dtype=torch.float64)
    gradients = (torch.autograd.grad((z * chosen_logits).sum(), list(leaves.values())) for z in (logits, expected))
    for ours, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)


def test_any_other_network_runs_set_by_set() -> None:
    weight = torch.randn(2, 3, 4, dtype=torch.float64)
    network = batched_network(PlainLinear(torch.zeros(3, 4, dtype=torch.float64)), {"linear.weight": weight})
    assert isinstance(network, LoopedNetwork)
    images = torch.randn(5, 1, 2, 2, dtype=torch.float64)
    torch.testing.assert_close(network.logits(images), torch.einsum("koi,bi->kbo", weight, images.flatten(1)))


def test_losses_are_summed_and_counts_are_exact() -> None:
    logits, labels = torch.randn(3, 7, 5, dtype=torch.float64), torch.tensor([0, 1, 2, 3, 4, 0, 1])
    expected = torch.stack([F.cross_entropy(each, labels, reduction="sum") for each in logits])
    torch.testing.assert_close(loss_sums(logits, labels), expected)
    counts = correct(logits, labels)
    assert counts.dtype == torch.int64
    assert counts.tolist() == [int((each.argmax(1) == labels).sum()) for each in logits]


def test_the_first_of_equal_logits_is_the_answer() -> None:
    """ReLU on the logits makes them equal where noise is large."""
    labels = torch.tensor([0, 1, 0, 2] * 50)
    assert correct(torch.zeros(3, 200, 10), labels).tolist() == [100, 100, 100]
