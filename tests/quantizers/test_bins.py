"""Bin regularization and VVTQ's step gradients, against values by hand and literal sums in float64."""

import math
import statistics

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.models import build_model
from sweep.quantizers.base import Parts
from sweep.quantizers.bins import bin_regularization, coefficient
from sweep.quantizers.lsq.quantizer import LSQ, ActivationLSQ
from sweep.quantizers.parameters import undecayed_parameters
from sweep.quantizers.placement import quantize
from sweep.quantizers.vvtq.quantizer import VVTQ, ActivationVVTQ
from tests.conftest import tiny_run
from tests.quantizers import literal


def layer(weights: list[float], step_size: float, bits: int = 2) -> nn.Linear:
    linear = nn.Linear(len(weights), 1, bias=False, dtype=torch.float64)
    linear.weight.data = torch.tensor([weights], dtype=torch.float64)
    quantizer = LSQ(linear.weight.detach(), bits)
    quantizer.step_size.data = torch.tensor(step_size, dtype=torch.float64)
    parametrize.register_parametrization(linear, "weight", quantizer)
    return linear


def latent(linear: nn.Linear) -> Tensor:
    weight: Tensor = linear.parametrizations.weight.original  # type: ignore[union-attr, assignment]
    return weight


def test_by_hand() -> None:
    """s = 1: levels -2, -1, 0, 1. Bins: {-3 -> -2}, {-0.8, -1.2}, {0.1}, {0.9, 1.5 -> 1}."""
    linear = layer([-3.0, -0.8, -1.2, 0.1, 0.9, 1.5], 1.0)
    distance = (0.04 + 0.04 + 0.01 + 0.01) / 6
    variance = 0.08 + 0.005  # ((0.2^2 + 0.2^2) / 1 around -1, (0.05^2 + 0.05^2) / 1 around 0.95)
    assert bin_regularization(linear).item() == pytest.approx(distance + variance, rel=1e-12)


def test_gradients_by_hand() -> None:
    """d/dw = -2 (Q - w) / N + 2 (w - mean) / (n - 1) inside; at the clip only the variance, to the step size."""
    linear = layer([-3.0, -0.8, -1.2, 0.1, 0.9, 1.5], 1.0)
    bin_regularization(linear).backward()  # type: ignore[no-untyped-call]
    inside = [2 * 0.2 / 6 + 2 * 0.2, -2 * 0.2 / 6 - 2 * 0.2, 2 * 0.1 / 6, -2 * 0.1 / 6 - 2 * 0.05]
    expected = torch.tensor([[0.0, *inside, 0.0]], dtype=torch.float64)
    grad = latent(linear).grad
    assert grad is not None
    torch.testing.assert_close(grad, expected, rtol=1e-12, atol=1e-15)
    step_size = linear.parametrizations.weight[0].step_size.grad  # type: ignore[union-attr, index]
    assert step_size.item() == pytest.approx(2 * 0.05, rel=1e-12)  # of 1.5, which is clipped to qmax s = 1


@pytest.mark.parametrize("bits", [2, 3, 8])
def test_literal_sums(bits: int) -> None:
    weights = torch.randn(300, dtype=torch.float64, generator=torch.Generator().manual_seed(bits)).tolist()
    step_size, qmin, qmax = 3 / 2**bits, -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    clipped = [min(max(w, qmin * step_size), qmax * step_size) for w in weights]
    codes = [round(c / step_size) for c in clipped]
    distance = statistics.fmean((q * step_size - c) ** 2 for q, c in zip(codes, clipped, strict=True))
    bins = [[c for q, c in zip(codes, clipped, strict=True) if q == level] for level in range(qmin, qmax + 1)]
    expected = distance + sum(statistics.variance(values) for values in bins if len(values) > 1)
    assert bin_regularization(layer(weights, step_size, bits)).item() == pytest.approx(expected, rel=1e-9)


def test_it_is_zero_on_the_levels_and_sums_over_layers() -> None:
    one, other = layer([-2.0, -1.0, 0.0, 1.0, 1.0], 1.0), layer([0.25, -0.75], 1.0)
    assert bin_regularization(one) == 0
    both = bin_regularization(nn.Sequential(one, other))
    assert both == bin_regularization(other) == 0.0625


@pytest.mark.parametrize(("epoch", "expected"), [(0, 0), (2, 0), (3, 0), (6, 0.005), (8, 0.01 * 0.9330127018922193)])
def test_the_coefficient_rises_as_half_a_cosine(epoch: int, expected: float) -> None:
    """From 3 of 9 epochs on: 0.01 (1 - cos(pi (e - 3) / 6)) / 2."""
    assert coefficient(0.01, 1 / 3, epoch, 9) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_the_step_gradient_of_weights_is_scaled_by_their_l1_norm(bits: int) -> None:
    weights = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    upstream = torch.randn(50, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    quantizer = VVTQ(weights, bits)
    quantizer(weights).backward(upstream)
    s, qmin, qmax = quantizer.step_size.item(), quantizer.qmin, quantizer.qmax
    terms = [u * literal.lsq(w, s, qmin, qmax)[2] for u, w in zip(upstream.tolist(), weights.tolist(), strict=True)]
    l1 = sum(abs(w) for w in weights.tolist())
    assert quantizer.step_size.grad is not None
    assert quantizer.step_size.grad.item() == pytest.approx(sum(terms) / math.sqrt(qmax * l1), rel=1e-12)


@pytest.mark.parametrize(("per_batch", "features"), [(True, 60), (False, 20)])
def test_the_step_gradient_of_activations_is_scaled_by_one_over_sqrt_n_qmax(per_batch: bool, features: int) -> None:
    x = torch.rand(3, 20, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    ours, lsq = ActivationVVTQ(4, per_batch).double(), ActivationLSQ(4, per_batch).double()
    for quantizer in (ours, lsq):
        quantizer.initialize(x)
        quantizer(x).sum().backward()
    assert ours.step_size.grad is not None and lsq.step_size.grad is not None
    terms = lsq.step_size.grad.item() * math.sqrt(features * 15)
    assert ours.step_size.grad.item() == pytest.approx(terms / (math.sqrt(features) * 15), rel=1e-12)


@pytest.mark.parametrize(("name", "where"), [("deit_t", "in_proj_weight"), ("swin_t", "qkv.weight")])
def test_queries_keys_and_values_have_step_sizes_of_their_own(name: str, where: str) -> None:
    torch.manual_seed(0)
    run = tiny_run(model=name, quantizer="vvtq", bits=3, first_last="8")
    model = quantize(build_model(run, 3, 10, (32, 32)), run)
    owner, _, tensor = where.rpartition(".")
    lists = {n: m for n, m in model.named_modules() if isinstance(m, parametrize.ParametrizationList)}
    split = {n: m for n, m in lists.items() if isinstance(m[0], Parts)}
    assert len(split) == 12 and all(f"{owner}.parametrizations.{tensor}".lstrip(".") in n for n in split)
    assert len(undecayed_parameters(model)) == len(lists) + 2 * 12
    for parts in split.values():
        whole = parts()
        for quantizer, latent_part, part in zip(
            parts[0].parts, parts.original.chunk(3), whole.chunk(3), strict=True
        ):  # fmt: skip
            assert torch.equal(part, quantizer(latent_part))
            assert quantizer.step_size == VVTQ(latent_part, 3).step_size
    assert bin_regularization(model) > 0
