"""LSQ against the paper's equations written out one number at a time, in float64."""

import math

import pytest
import torch
from torch import nn

from sweep.quantizers.lsq.quantizer import LSQ
from sweep.quantizers.parameters import MIN_STEP_SIZE, keep_positive, undecayed_parameters
from sweep.quantizers.placement import quantize
from tests.conftest import tiny_run
from tests.quantizers import literal

BITS = (2, 3, 4, 8)


def weights(bits: int) -> tuple[torch.Tensor, float]:
    """Values inside and outside the clip, halves, and both clip boundaries exactly; a power of two as step."""
    s = 0.25
    qmin, qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    codes = torch.cat([
        torch.linspace(qmin - 2, qmax + 2, 61, dtype=torch.float64),
        torch.arange(qmin - 1, qmax + 2, dtype=torch.float64),
        torch.arange(qmin - 1, qmax + 2, dtype=torch.float64) + 0.5,
    ])  # fmt: skip
    return codes * s, s


def lsq(weight: torch.Tensor, s: float, bits: int) -> LSQ:
    module = LSQ(weight, bits)
    module.step_size = nn.Parameter(torch.tensor(s, dtype=weight.dtype))
    return module


@pytest.mark.parametrize("bits", BITS)
def test_forward_and_backward_equal_the_literal_reference(bits: int) -> None:
    values, s = weights(bits)
    upstream = torch.linspace(-1, 2, len(values), dtype=torch.float64)
    v = values.clone().requires_grad_()
    module = lsq(values, s, bits)
    out = module(v)
    out.backward(upstream)
    expected = [literal.lsq(value, s, module.qmin, module.qmax) for value in values.tolist()]
    g = 1 / math.sqrt(len(values) * (2 ** (bits - 1) - 1))
    assert out.tolist() == [e[0] for e in expected]
    assert v.grad is not None and module.step_size.grad is not None
    assert v.grad.tolist() == [e[1] * u for e, u in zip(expected, upstream.tolist(), strict=True)]
    expected_ds = sum(e[2] * u for e, u in zip(expected, upstream.tolist(), strict=True)) * g
    assert module.step_size.grad.item() == pytest.approx(expected_ds, rel=1e-12)


@pytest.mark.parametrize("bits", BITS)
def test_backward_equals_the_autograd_recipe_off_the_boundary(bits: int) -> None:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(500, generator=generator, dtype=torch.float64)
    upstream = torch.randn(500, generator=generator, dtype=torch.float64)
    module = LSQ(values, bits)
    v = values.clone().requires_grad_()
    module(v).backward(upstream)
    s, w = module.step_size.detach().clone().requires_grad_(), values.clone().requires_grad_()
    scaled_s = s * module.grad_scale + (s - s * module.grad_scale).detach()
    u = (w / scaled_s).clamp(module.qmin, module.qmax)
    ((u + (u.round() - u).detach()) * scaled_s).backward(upstream)
    torch.testing.assert_close(v.grad, w.grad, rtol=1e-14, atol=0)
    torch.testing.assert_close(module.step_size.grad, s.grad, rtol=1e-12, atol=0)


@pytest.mark.parametrize("bits", BITS)
def test_levels_bounds_and_idempotence(bits: int) -> None:
    values = torch.randn(10_000, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = LSQ(values, bits)
    with torch.no_grad():
        out = module(values)
        s = module.step_size.item()
        assert len(out.unique()) <= 2**bits
        assert out.min() >= -(2 ** (bits - 1)) * s and out.max() <= (2 ** (bits - 1) - 1) * s
        assert torch.equal(module(out), out)


def test_two_bits_have_four_levels() -> None:
    module = lsq(torch.zeros(1), 0.5, 2)
    with torch.no_grad():
        assert module(torch.linspace(-3, 3, 100)).unique().tolist() == [-1.0, -0.5, 0.0, 0.5]


@pytest.mark.parametrize(("bits", "expected"), [(2, 4.0), (4, 4 / math.sqrt(7)), (8, 4 / math.sqrt(127))])
def test_initial_step_size(bits: int, expected: float) -> None:
    weight = torch.tensor([-1.0, 3.0, -2.0, 2.0], dtype=torch.float64)  # mean |v| = 2
    assert LSQ(weight, bits).step_size.item() == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize(("first_last", "expected"), [("b", [2] * 7), ("8", [8, *[2] * 5, 8]), ("fp", [2] * 5)])
def test_first_and_last_layer(first_last: str, expected: list[int]) -> None:
    from sweep.models import build_model

    run = tiny_run(bits=2, first_last=first_last)
    model = quantize(build_model(run, 1, 10, (8, 8)), run)
    quantizers = [module for module in model.modules() if isinstance(module, LSQ)]
    assert [(module.qmax + 1).bit_length() for module in quantizers] == expected
    assert len(undecayed_parameters(model)) == len(expected)


def test_full_precision_has_no_quantizer() -> None:
    from sweep.models import build_model

    run = tiny_run(bits=32)
    assert undecayed_parameters(quantize(build_model(run, 1, 10, (8, 8)), run)) == []


def test_step_sizes_stay_positive_and_it_is_counted() -> None:
    steps = [nn.Parameter(torch.tensor(s)) for s in (0.5, -1.0, 0.0)]
    assert keep_positive(steps).item() == 2
    assert [s.item() for s in steps] == pytest.approx([0.5, MIN_STEP_SIZE, MIN_STEP_SIZE])
