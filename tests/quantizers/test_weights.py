"""Quantizers of weights against the papers' equations, one number at a time."""

import math

import pytest
import torch
from torch import Tensor

from sweep.quantizers.diffq.quantizer import DiffQ
from sweep.quantizers.dorefa.quantizer import DoReFa
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.quantizers.lsq_plus.quantizer import LSQPlus
from sweep.quantizers.noise import Noise
from sweep.quantizers.noise_tempering.quantizer import NoiseTempering
from sweep.quantizers.saq.quantizer import SAQ
from tests.quantizers import literal

BITS = (2, 3, 4, 8)


def normal(count: int, seed: int = 0) -> Tensor:
    return torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("bits", BITS)
def test_dorefa(bits: int) -> None:
    values, upstream = normal(101), normal(101, seed=1)
    w = values.clone().requires_grad_()
    out = DoReFa(bits)(w)
    out.backward(upstream)
    assert w.grad is not None
    assert out.tolist() == pytest.approx(literal.dorefa(values.tolist(), bits), rel=1e-14)
    assert w.grad.tolist() == pytest.approx(literal.dorefa_gradient(values.tolist(), upstream.tolist()), rel=1e-12)
    assert out.abs().max() == 1  # the largest weight is at the boundary of the range


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("sign", [1, -1])
def test_saq(bits: int, sign: int) -> None:
    half = normal(40).abs()
    values = torch.cat([half, -half])  # mean zero: both boundaries are hit exactly
    std = values.std()
    clip = sign * (half.sort().values[25] / std)
    module, w, upstream = SAQ(bits).double(), values.clone().requires_grad_(), normal(80, seed=1)
    module.clip.data.copy_(clip)
    out = module(w)
    out.backward(upstream)
    expected = [literal.saq_weight(v, 0.0, std.item(), clip.item(), bits) for v in values.tolist()]
    assert sum(e[1] == 0 for e in expected) == 2 * 15  # 14 outside and one at the boundary, on either side
    assert w.grad is not None and module.clip.grad is not None
    assert out.tolist() == pytest.approx([e[0] for e in expected], rel=1e-12)
    assert w.grad.tolist() == pytest.approx(
        [e[1] * u for e, u in zip(expected, upstream.tolist(), strict=True)], rel=1e-12
    )
    da = sum(e[2] * u for e, u in zip(expected, upstream.tolist(), strict=True))
    assert module.clip.grad.item() == pytest.approx(da, rel=1e-10)


def test_saq_does_not_see_scale_and_shift() -> None:
    module, w = SAQ(4).double(), normal(50)
    torch.testing.assert_close(module(w), module(3 * w + 2), rtol=1e-12, atol=0)


@pytest.mark.parametrize("bits", BITS)
def test_lsq_plus_is_lsq_with_another_start(bits: int) -> None:
    values = normal(60) + 0.5
    mean = sum(values.tolist()) / 60
    deviation = math.sqrt(sum((v - mean) ** 2 for v in values.tolist()) / 59)
    plus, lsq = LSQPlus(values, bits), LSQ(values, bits)
    expected = max(abs(mean - 3 * deviation), abs(mean + 3 * deviation)) / 2 ** (bits - 1)
    assert plus.step_size.item() == pytest.approx(expected, rel=1e-12)
    lsq.load_state_dict(plus.state_dict())
    found = []
    for module in (plus, lsq):
        w = values.clone().requires_grad_()
        out = module(w)
        out.sum().backward()
        found.append([out, w.grad, module.step_size.grad])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def tempered(values: Tensor, c: float, k: float = 5.0) -> NoiseTempering:
    return NoiseTempering(values, 3, c, k, Noise(seed=4, layer=1)).double()


def test_noise_tempering() -> None:
    values, upstream = normal(200), normal(200, seed=1)
    eps = Noise(seed=4, layer=1).normal_like(values).tolist()
    module, lsq = tempered(values, c=0.7), LSQ(values, 3)
    w, v = values.clone().requires_grad_(), values.clone().requires_grad_()
    out = module(w)
    out.backward(upstream)
    s = module.step_size.item()
    for found, value, noise in zip(out.tolist(), values.tolist(), eps, strict=True):
        quantized = literal.lsq(value, s, -4, 3)[0]
        error = abs(quantized - value)
        assert found == pytest.approx(quantized + 0.7 * math.exp(-5 * error) * math.sqrt(error) * noise, rel=1e-12)
    lsq(v).backward(upstream)
    assert torch.equal(w.grad, v.grad) and torch.equal(module.step_size.grad, lsq.step_size.grad)  # type: ignore[arg-type]


def test_noise_tempering_is_lsq_in_evaluation_and_without_noise() -> None:
    values = normal(200)
    expected = LSQ(values, 3)(values)
    assert torch.equal(tempered(values, c=0.7).eval()(values), expected)
    assert torch.equal(tempered(values, c=0.0)(values), expected)
    assert not torch.equal(tempered(values, c=0.7)(values), expected)


def test_noise_is_fresh_at_each_forward_and_goes_on_from_the_state_dict() -> None:
    values = normal(50)
    module = tempered(values, c=0.7)
    first, second = module(values), module(values)
    assert not torch.equal(first, second)
    resumed = tempered(values, c=0.7)
    assert torch.equal(resumed(values), first)
    resumed = tempered(values, c=0.7)
    state = tempered(values, c=0.7)
    state(values)
    resumed.load_state_dict(state.state_dict())
    assert torch.equal(resumed(values), second)


@pytest.mark.parametrize("kind", ["normal", "uniform"])
@pytest.mark.parametrize("bits", BITS)
def test_diffq(kind: str, bits: int) -> None:
    values, upstream = normal(100), normal(100, seed=1)
    noise = Noise(seed=4, layer=1)
    drawn = (noise.normal_like if kind == "normal" else noise.uniform_like)(values)
    module = DiffQ(bits, kind, Noise(seed=4, layer=1))
    half = (max(values.tolist()) - min(values.tolist())) / (2**bits - 1) / 2
    for training in (True, False):
        w = values.clone().requires_grad_()
        out = module.train(training)(w)
        out.backward(upstream)
        noisy = [v + half * n for v, n in zip(values.tolist(), drawn.tolist(), strict=True)]
        expected = noisy if training else literal.diffq_grid(values.tolist(), bits)
        assert out.tolist() == pytest.approx(expected, rel=1e-12, abs=1e-14)
        assert torch.equal(w.grad, upstream)  # type: ignore[arg-type]


def test_noise_has_the_moments_of_its_distribution_and_differs_between_seeds_and_layers() -> None:
    x = torch.zeros(100, 1000)
    found = {(seed, layer): Noise(seed, layer).normal_like(x) for seed in (0, 1) for layer in (0, 1)}
    for noise in found.values():
        assert abs(noise.mean().item()) < 5 / math.sqrt(1e5)
        assert noise.std().item() == pytest.approx(1, abs=5 / math.sqrt(2e5))
        assert noise.pow(4).mean().item() == pytest.approx(3, abs=5 * math.sqrt(96 / 1e5))
    keys = list(found)
    for a in keys:
        for b in keys[keys.index(a) + 1 :]:
            correlation = (found[a] * found[b]).mean().item()
            assert abs(correlation) < 5 / math.sqrt(1e5)
    uniform = Noise(0, 0).uniform_like(x)
    assert -1 < uniform.min() < -0.999 and 0.999 < uniform.max() < 1
    assert uniform.var().item() == pytest.approx(1 / 3, abs=5 * math.sqrt(4 / 45 / 1e5))
