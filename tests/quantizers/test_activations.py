"""Quantizers of activations against the papers' equations, one number at a time; and where their parameters start."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from sweep.quantizers.base import Quantizer
from sweep.quantizers.lsq.quantizer import ActivationLSQ
from sweep.quantizers.lsq_plus.quantizer import ActivationLSQPlus, least_squares
from sweep.quantizers.pact.quantizer import PACT
from sweep.quantizers.saq.quantizer import ActivationSAQ
from tests.quantizers import literal

BITS = (2, 3, 4, 8)
STEP = 0.25  # a power of two: every product below is exact


def inputs(qmin: int, qmax: int, offset: float = 0.0) -> Tensor:
    """(B, 3): inside and outside the clip, halves, and both clip boundaries exactly."""
    codes = torch.cat([
        torch.linspace(qmin - 2, qmax + 2, 61, dtype=torch.float64),
        torch.arange(qmin - 1, qmax + 2, dtype=torch.float64),
        torch.arange(qmin - 1, qmax + 2, dtype=torch.float64) + 0.5,
    ])  # fmt: skip
    values = codes * STEP + offset
    return values[: len(values) // 3 * 3].view(-1, 3)


def upstream_of(x: Tensor) -> Tensor:
    return torch.linspace(-1, 2, x.numel(), dtype=torch.float64).view(x.shape)


def backward(quantizer: nn.Module, x: Tensor) -> tuple[list[float], list[float]]:
    """Values and gradients, one per element of `x`."""
    x = x.clone().requires_grad_()
    out = quantizer(x)
    out.backward(upstream_of(x))
    assert x.grad is not None
    return out.flatten().tolist(), x.grad.flatten().tolist()


def check(quantizer: nn.Module, x: Tensor, reference: Callable[[float], tuple[float, ...]]) -> list[float]:
    """Compares values and d/dx; returns what the reference has for the gradient of each parameter."""
    expected = [reference(value) for value in x.flatten().tolist()]
    upstream = upstream_of(x).flatten().tolist()
    values, gradients = backward(quantizer, x)
    assert values == pytest.approx([e[0] for e in expected], rel=1e-15, abs=1e-15)
    assert gradients == [e[1] * u for e, u in zip(expected, upstream, strict=True)]
    return [sum(e[i] * u for e, u in zip(expected, upstream, strict=True)) for i in range(2, len(expected[0]))]


def lsq_of(kind: type[ActivationLSQ], bits: int, per_batch: bool, signed: bool = False) -> ActivationLSQ:
    quantizer = kind(bits, per_batch).double()
    quantizer.initialize(torch.tensor([[-1.0 if signed else 0.0, 1.0]], dtype=torch.float64))
    quantizer.step_size.data.fill_(STEP)
    return quantizer


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("per_batch", [False, True])
def test_lsq(bits: int, signed: bool, per_batch: bool) -> None:
    qmin, qmax = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    quantizer, x = lsq_of(ActivationLSQ, bits, per_batch, signed), inputs(qmin, qmax)
    (ds,) = check(quantizer, x, lambda v: literal.lsq(v, STEP, qmin, qmax))
    features = x.numel() if per_batch else 3
    assert quantizer.step_size.grad is not None
    assert quantizer.step_size.grad.item() == pytest.approx(ds / math.sqrt(features * qmax), rel=1e-12)


@pytest.mark.parametrize("bits", BITS)
def test_lsq_plus(bits: int) -> None:
    quantizer, qmax, beta = lsq_of(ActivationLSQPlus, bits, per_batch=False), 2**bits - 1, -0.75
    quantizer.offset.data.fill_(beta)  # type: ignore[operator, union-attr]
    x = inputs(0, qmax, beta)
    ds, dbeta = check(quantizer, x, lambda v: literal.lsq_plus(v, STEP, beta, qmax))
    gradients = {name: parameter.grad.item() for name, parameter in quantizer.named_parameters()}  # type: ignore[union-attr]
    assert gradients["step_size"] == pytest.approx(ds / math.sqrt(3 * qmax), rel=1e-12)
    assert gradients["offset"] == pytest.approx(dbeta, rel=1e-12)


@pytest.mark.parametrize("bits", BITS)
def test_pact(bits: int) -> None:
    alpha = STEP * (2**bits - 1)
    quantizer, x = PACT(bits, alpha).double(), inputs(0, 2**bits - 1)
    (dalpha,) = check(quantizer, x, lambda v: literal.pact(v, alpha, bits))
    assert quantizer.alpha.grad is not None
    assert quantizer.alpha.grad.item() == pytest.approx(dalpha, rel=1e-12)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("sign", [1, -1])
def test_saq(bits: int, sign: int) -> None:
    quantizer = ActivationSAQ(bits).double()
    quantizer.clip.data.fill_(sign * 0.5)
    x = torch.cat([torch.linspace(-0.3, 0.9, 61, dtype=torch.float64), torch.tensor([0.0, 0.5]).double()]).view(-1, 3)
    expected = [literal.saq_activation(value, sign * 0.5, bits) for value in x.flatten().tolist()]
    upstream = upstream_of(x).flatten().tolist()
    values, gradients = backward(quantizer, x)
    assert values == pytest.approx([e[0] for e in expected], rel=1e-15)
    assert gradients == pytest.approx([e[1] * u for e, u in zip(expected, upstream, strict=True)], rel=1e-15)
    da = sum(e[2] * u for e, u in zip(expected, upstream, strict=True))
    assert quantizer.clip.grad is not None
    assert quantizer.clip.grad.item() == pytest.approx(da, rel=1e-12)


@pytest.mark.parametrize(
    ("x", "bits", "limits", "step_size"),
    [
        ([0.0, 1.0, 2.0, 3.0], 2, (0, 3), 2 * 1.5 / math.sqrt(3)),
        ([-3.0, 1.0, 2.0, 0.0], 4, (-8, 7), 2 * 1.5 / math.sqrt(7)),
    ],
)
def test_lsq_starts_from_the_first_batch(x: list[float], bits: int, limits: tuple[int, int], step_size: float) -> None:
    quantizer = ActivationLSQ(bits, per_batch=False).double()
    quantizer.initialize(torch.tensor([x], dtype=torch.float64))
    assert (quantizer.qmin.item(), quantizer.qmax.item()) == limits
    assert quantizer.step_size.item() == pytest.approx(step_size, rel=1e-15)


def test_lsq_starts_above_zero_on_a_batch_of_zeros() -> None:
    quantizer = ActivationLSQ(4, per_batch=False)
    quantizer.initialize(torch.zeros(2, 3))
    assert quantizer.step_size.item() > 0
    assert quantizer(torch.zeros(2, 3)).tolist() == [[0.0] * 3] * 2


def literal_least_squares(x: list[float], qmax: int) -> tuple[float, float]:
    beta, n = min(x), len(x)
    s = (max(x) - beta) / qmax
    for _ in range(100):
        q = [round(min(max((v - beta) / s, 0), qmax)) for v in x]
        mean_q, mean_x = sum(q) / n, sum(x) / n
        covariance = sum((a - mean_q) * (b - mean_x) for a, b in zip(q, x, strict=True))
        before, s = s, covariance / sum((a - mean_q) ** 2 for a in q)
        beta = mean_x - s * mean_q
        if abs(s - before) < 1e-5 * before:
            break
    return s, beta


@pytest.mark.parametrize("bits", BITS)
def test_lsq_plus_starts_at_least_squares(bits: int) -> None:
    x = torch.nn.functional.gelu(torch.randn(300, generator=torch.Generator().manual_seed(0), dtype=torch.float64))
    qmax = 2**bits - 1
    s, beta = least_squares(x, qmax)
    assert (s.item(), beta.item()) == pytest.approx(literal_least_squares(x.tolist(), qmax), rel=1e-9)

    def error(step: Tensor, offset: Tensor) -> float:
        return (x - (((x - offset) / step).clamp(0, qmax).round() * step + offset)).square().sum().item()

    low = x.min()
    assert error(s, beta) < error((x.max() - low) / qmax, low)


def test_least_squares_of_a_constant_is_exact() -> None:
    s, beta = least_squares(torch.full((5,), 2.5), 15)
    assert s > 0 and beta == 2.5


@pytest.mark.parametrize("quantizer", [PACT(4, 6.0), ActivationSAQ(4)])
def test_clips_do_not_start_from_data(quantizer: Quantizer) -> None:
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    quantizer.initialize(torch.randn(4, 3))
    assert all(torch.equal(before[name], tensor) for name, tensor in quantizer.state_dict().items())
