"""What holds for every quantizer on any tensor: levels, bounds, idempotence, symmetry."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from sweep.quantizers.base import Quantizer
from sweep.quantizers.diffq.quantizer import DiffQ
from sweep.quantizers.dorefa.quantizer import DoReFa
from sweep.quantizers.lsq.quantizer import LSQ, ActivationLSQ
from sweep.quantizers.lsq_plus.quantizer import ActivationLSQPlus, LSQPlus
from sweep.quantizers.noise import Noise
from sweep.quantizers.noise_tempering.quantizer import NoiseTempering
from sweep.quantizers.pact.quantizer import PACT
from sweep.quantizers.saq.quantizer import SAQ, ActivationSAQ

WEIGHTS: dict[str, Callable[[Tensor, int], Quantizer]] = {
    "lsq": LSQ,
    "lsq_plus": LSQPlus,
    "dorefa": lambda weight, bits: DoReFa(bits),
    "saq": lambda weight, bits: SAQ(bits),
    "noise_tempering": lambda weight, bits: NoiseTempering(weight, bits, 0.2, 50, Noise(0, 0)).eval(),
    "diffq": lambda weight, bits: DiffQ(bits, "normal", Noise(0, 0)).eval(),
}
ACTIVATIONS: dict[str, Callable[[Tensor, int], Quantizer]] = {
    "lsq": lambda x, bits: ActivationLSQ(bits, per_batch=False),
    "lsq_plus": lambda x, bits: ActivationLSQPlus(bits, per_batch=False),
    "pact": lambda x, bits: PACT(bits, 2.0),
    "saq": lambda x, bits: ActivationSAQ(bits),
}
EACH = [("weights", name) for name in WEIGHTS] + [("activations", name) for name in ACTIVATIONS]
SYMMETRIC = ("dorefa", "saq")  # levels; the others have one more below zero than above, or an offset
IDEMPOTENT = ("lsq", "noise_tempering", "pact")  # the others normalize, squash or rescale what they get
few = settings(max_examples=20, derandomize=True, deadline=None, database=None)
tensors = st.tuples(
    st.integers(0, 2**16),
    st.sampled_from([0.01, 0.3, 1.0, 20.0]),
    st.sampled_from([0.0, 0.5, -1.0]),
    st.sampled_from([2, 37, 600]),
)


def drawn(values: tuple[int, float, float, int], part: str) -> Tensor:
    seed, scale, shift, count = values
    x = scale * (torch.randn(1, count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + shift)
    return x.relu() if part == "activations" else x


@torch.no_grad()
def quantized(part: str, name: str, x: Tensor, bits: int) -> tuple[Quantizer, Tensor]:
    quantizer = (WEIGHTS if part == "weights" else ACTIVATIONS)[name](x, bits).double()
    if part == "activations":
        quantizer.initialize(x)
    return quantizer, quantizer(x)


@pytest.mark.parametrize(("part", "name"), EACH)
@few
@given(values=tensors, bits=st.integers(2, 8))
def test_at_most_two_to_the_bits_equidistant_levels(
    part: str, name: str, values: tuple[int, float, float, int], bits: int
) -> None:
    x = drawn(values, part)
    quantizer, out = quantized(part, name, x, bits)
    levels = out.unique()
    assert len(levels) <= 2**bits
    low, high = bounds(part, name, quantizer, x, bits)
    codes = (levels - low) / ((high - low) / (2**bits - 1))
    torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("part", "name"), EACH)
@few
@given(values=tensors, bits=st.integers(2, 8))
def test_bounds(part: str, name: str, values: tuple[int, float, float, int], bits: int) -> None:
    x = drawn(values, part)
    quantizer, out = quantized(part, name, x, bits)
    low, high = bounds(part, name, quantizer, x, bits)
    slack = 1e-12 * max(abs(low), abs(high))
    assert low - slack <= out.min().item() and out.max().item() <= high + slack


def bounds(part: str, name: str, quantizer: Quantizer, x: Tensor, bits: int) -> tuple[float, float]:
    values = {key: parameter.item() for key, parameter in quantizer.named_parameters()}
    if "step_size" in values:
        qmin, qmax = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if part == "weights" else (0, 2**bits - 1)
        offset = values.get("offset", 0.0)
        return qmin * values["step_size"] + offset, qmax * values["step_size"] + offset
    if name == "diffq":
        return x.min().item(), x.max().item()
    limit = values.get("alpha", values.get("clip", 1.0))
    return (-limit if part == "weights" else 0.0), limit


@pytest.mark.parametrize(("part", "name"), [(part, name) for part, name in EACH if name in IDEMPOTENT])
@few
@given(values=tensors, bits=st.integers(2, 8))
def test_quantizing_twice_changes_nothing(
    part: str, name: str, values: tuple[int, float, float, int], bits: int
) -> None:
    quantizer, out = quantized(part, name, drawn(values, part), bits)
    with torch.no_grad():
        torch.testing.assert_close(quantizer(out), out, rtol=1e-14, atol=0)


@pytest.mark.parametrize("name", SYMMETRIC)
@few
@given(values=tensors, bits=st.integers(2, 8))
def test_symmetric_levels_without_zero(name: str, values: tuple[int, float, float, int], bits: int) -> None:
    x = drawn(values, "weights")
    _, out = quantized("weights", name, torch.cat([x, -x]), bits)
    levels = out.unique()
    torch.testing.assert_close(levels, -levels.flip(0), rtol=1e-12, atol=0)
    assert (levels != 0).all()
