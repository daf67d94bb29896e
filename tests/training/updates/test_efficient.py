"""What efficient training keeps and makes of it: by hand, and what must hold for any gradients."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweep.training.updates.efficient import approximate, vertical

SHAPES = ((3, 2), (4,), ())
few = settings(max_examples=20, derandomize=True, deadline=None, database=None)
seeds = st.integers(0, 2**31)


def gradients(seed: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator, dtype=torch.float64) for shape in SHAPES]


def flat(tensors: list[Tensor]) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


def by_hand(*values: float) -> list[Tensor]:
    return [torch.tensor([value], dtype=torch.float64) for value in values]


def test_by_hand() -> None:
    """g = (1, 1), g_s = (3, 1): g_p = (2, 2), g_v = (1, -1); beta = 0.5 and g = (3, 4): g + 2.5 (1, -1) / sqrt(2)."""
    kept = vertical(by_hand(3, 1), by_hand(1, 1), per_tensor=False)
    assert flat(kept).tolist() == [1, -1]
    found = flat(approximate(by_hand(3, 4), kept, 0.5, per_tensor=False))
    assert found.tolist() == pytest.approx([3 + 2.5 / 2**0.5, 4 - 2.5 / 2**0.5])


@few
@given(seeds, seeds)
def test_what_is_kept_is_at_right_angles_to_the_gradient(one: int, other: int) -> None:
    g_s, g = gradients(one), gradients(other)
    assert flat(vertical(g_s, g, per_tensor=False)) @ flat(g) == pytest.approx(0, abs=1e-12)
    for v, x in zip(vertical(g_s, g, per_tensor=True), g, strict=True):
        assert (v * x).sum().item() == pytest.approx(0, abs=1e-12)


@few
@given(seeds, seeds, st.floats(0, 2), st.booleans())
def test_what_it_adds_is_beta_times_as_long_as_the_gradient(
    one: int, other: int, beta: float, per_tensor: bool
) -> None:
    g, kept = gradients(one), gradients(other)
    added = [a - x for a, x in zip(approximate(g, kept, beta, per_tensor), g, strict=True)]
    lengths = [(a.norm().item(), x.norm().item()) for a, x in zip(added, g, strict=True)]
    for length, of_gradient in lengths if per_tensor else [(flat(added).norm().item(), flat(g).norm().item())]:
        assert length == pytest.approx(beta * of_gradient, rel=1e-9, abs=1e-12)


@few
@given(seeds, seeds, st.booleans())
def test_a_loss_scale_scales_the_result_whatever_it_was_when_it_was_kept(
    one: int, other: int, per_tensor: bool
) -> None:
    g, kept = gradients(one), gradients(other)
    expected = approximate(g, kept, 0.7, per_tensor)
    found = approximate([1024 * x for x in g], [65536 * v for v in kept], 0.7, per_tensor)
    torch.testing.assert_close([x / 1024 for x in found], expected, rtol=1e-6, atol=1e-6)  # but for the 1e-12


@pytest.mark.parametrize("per_tensor", [False, True])
def test_an_equal_gradient_leaves_nothing_and_nothing_adds_nothing(per_tensor: bool) -> None:
    g = gradients(0)
    kept = vertical(g, g, per_tensor)
    assert not flat(kept).any()
    assert torch.equal(flat(approximate(g, kept, 0.7, per_tensor)), flat(g))


@pytest.mark.parametrize("per_tensor", [False, True])
def test_gradients_of_zero(per_tensor: bool) -> None:
    zero = [torch.zeros_like(x) for x in gradients(0)]
    assert not flat(vertical(zero, zero, per_tensor)).any()
    assert not flat(approximate(zero, zero, 0.7, per_tensor)).any()
