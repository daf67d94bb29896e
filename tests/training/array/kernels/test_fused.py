"""Whole training steps on the kernels against the same steps in PyTorch operations, and members against neighbours."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.training.array.fused import FusedNetwork, FusedOptimizer
from sweep.training.array.network import ArrayNetwork
from sweep.training.array.update import Optimizer
from tests.training.array.kernels.conftest import INTERPRETED
from tests.training.array.kernels.members import CLASSES, MEMBERS, batch, close, runs_of, state_of

IMAGES = (12, 12, 7)  # of each step: the last batch is short


class Trained:
    """An array with its losses, step by step."""

    def __init__(self, runs: Sequence[RunConfig], size: int, kernels: bool) -> None:
        network, optimizer = (FusedNetwork, FusedOptimizer) if kernels else (ArrayNetwork, Optimizer)
        self.state = state_of(runs, size)
        self._size, self._rows = size, torch.tensor([run.seed for run in runs], device=self.state.clamped.device)
        self._network = network(self.state, runs[0].precision, CLASSES, compiled=False)
        self._optimizer = optimizer(self.state, runs, compiled=False)
        self.losses: list[Tensor] = []

    def step(self, number: int) -> None:
        images, labels = batch(IMAGES[number], self._size, 2, number)
        self.losses.append(self._network.forward_backward(images, labels, self._rows))
        self._optimizer.step()

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """All that training changes, each (K, ...)."""
        state = self.state
        for name, stack in (("parameters", state.parameters), ("steps", state.steps)):
            yield from ((f"{name}.{field}", getattr(stack, field)) for field in ("value", "moment", "square"))
        yield from ((f"mean {n}", tensor) for n, tensor in enumerate(state.running_mean))
        yield from ((f"var {n}", tensor) for n, tensor in enumerate(state.running_var))
        yield from (("updates", state.updates), ("clamped", state.clamped), ("loss_scale", state.loss_scale))
        yield "losses", torch.stack(self.losses, 1)


def trained_once(runs: Sequence[RunConfig], size: int = 5, kernels: bool = True) -> Trained:
    array = Trained(runs, size, kernels)
    array.step(0)
    return array


@pytest.mark.parametrize(("size", "depth", "members"), [(8, 3, MEMBERS[1:3]), (5, 2, MEMBERS)])
def test_steps_equal_those_in_pytorch(size: int, depth: int, members: Sequence[dict[str, Any]]) -> None:
    runs = runs_of(members, depth=depth)
    found, expected = (Trained(runs, size, kernels) for kernels in (True, False))
    for number, tolerance in enumerate((1e-5, 5e-5, 2e-4)):  # a step amplifies the rounding of those before
        found.step(number)
        expected.step(number)
        for (name, ours), (_, theirs) in zip(found.tensors(), expected.tensors(), strict=True):
            for member in range(len(runs)):
                close(ours[member], theirs[member], tolerance, f"{name} of member {member} after step {number}")


def vector_gradients(array: Trained) -> Tensor:
    """Of gamma and beta of all layers, (K, P), without the loss scale."""
    grads = [tensor for layer in array.state.weight_grads for tensor in (layer.gamma, layer.beta)]
    return torch.cat(grads, 1) / array.state.loss_scale[:, None]


@pytest.mark.parametrize("precision", ["fp16", "bf16"])
def test_gradients_in_16_bits_are_as_good_as_those_in_pytorch(precision: str) -> None:
    if INTERPRETED and precision == "bf16":
        pytest.skip("Triton's interpreter multiplies bit patterns of bf16 as integers")
    exact = vector_gradients(trained_once(runs_of(MEMBERS), 5, kernels=False))
    runs = runs_of(MEMBERS, precision=precision)
    ours, theirs = (trained_once(runs, 5, kernels) for kernels in (True, False))
    close(ours.losses[0], theirs.losses[0], 2e-3 if precision == "fp16" else 2e-2, "loss")
    errors = [(vector_gradients(array) - exact).norm(dim=1) for array in (ours, theirs)]
    assert (errors[0] <= 1.5 * errors[1]).all(), errors


def test_member_does_not_depend_on_size_and_order_of_its_array() -> None:
    runs = runs_of(MEMBERS)
    together = dict(trained_once(runs).tensors())
    order = [3, 1]
    for name, tensor in trained_once([runs[index] for index in order]).tensors():
        assert torch.equal(tensor, together[name][order]), name


def test_nan_stays_with_its_member() -> None:
    runs = runs_of(MEMBERS[:2])
    healthy, ill = Trained(runs, 5, True), Trained(runs, 5, True)
    ill.state.weights[1].weight[0, 0, 0] = torch.nan
    for array in (healthy, ill):
        array.step(0)
    assert ill.losses[0][0].isnan()
    for (name, expected), (_, found) in zip(healthy.tensors(), ill.tensors(), strict=True):
        assert torch.equal(found[1], expected[1]), name


@pytest.mark.filterwarnings("ignore:(invalid value|overflow) encountered:RuntimeWarning")  # NumPy's, interpreted
def test_member_whose_scaled_gradients_overflow_sits_the_step_out() -> None:
    runs = runs_of(MEMBERS[:2], precision="fp16")
    array = Trained(runs, 5, True)
    array.state.loss_scale[:] = torch.tensor([2.0**40, 8.0])
    before = array.state.parameters.value.clone()
    array.step(0)
    assert array.state.updates.tolist() == [5, 6]
    assert array.state.loss_scale.tolist() == [2.0**39, 8.0]
    assert torch.equal(array.state.parameters.value[0], before[0])
    assert not torch.equal(array.state.parameters.value[1], before[1])


def test_fp64_is_left_to_pytorch() -> None:
    runs = runs_of([{"bits": 4}], precision="fp64")
    with pytest.raises(ValueError, match=r"precision is fp64.*allowed with them: fp32, tf32, bf16, fp16"):
        FusedNetwork(state_of(runs, 5), "fp64", CLASSES, compiled=False)
