"""Single operations of an array against slow references."""

import pytest
import torch
from torch import nn

from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.array.operations import StepSizes, product, quantize, quantize_backward, round_to_tf32

BITS = (2, 4, 8, 32)


def step_sizes(steps: list[float], bits: tuple[int, ...], dtype: torch.dtype) -> StepSizes:
    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=dtype)[:, None, None]

    qmin, qmax = [-(2.0 ** (b - 1)) for b in bits], [2.0 ** (b - 1) - 1 for b in bits]
    return StepSizes(column(steps), column(qmin), column(qmax), column([b != 32 for b in bits]).bool())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("step", [0.013, 1.7e-4, 0.9])
def test_weight_codes_are_exact_in_every_precision(dtype: torch.dtype, step: float) -> None:
    """operand * rest is code * step to float32 rounding, and operand / power is an integer, exactly."""
    weight = torch.randn(4, 64, 32, generator=torch.Generator().manual_seed(0)) * step * 60
    steps = step_sizes([step] * 3 + [1.0], BITS, torch.float32)
    operand, rest = quantize(weight, steps, dtype)
    for member, bits in enumerate(BITS[:3]):
        power = step / rest[member].item()
        codes = operand[member].double() / 2.0 ** round(torch.tensor(power).log2().item())
        qmin, qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        expected = (weight[member] / torch.tensor(step)).clamp(qmin, qmax).round()
        assert torch.equal(codes, expected.double())
        assert codes.unique().numel() > 2**bits / 2  # the test covers most levels
    assert torch.equal(operand[3], weight[3].to(dtype)) and rest[3] == 1


def test_quantizing_members_equals_lsq_of_each() -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    grad = torch.randn(4, 16, 8, generator=generator, dtype=torch.float64)
    steps = [0.7, 0.3, 0.05, 1.0]
    stacked = step_sizes(steps, BITS, torch.float64)
    operand, rest = quantize(weight, stacked, torch.float64)
    grad_weight, grad_step = quantize_backward(grad, weight, stacked)
    for member, bits in enumerate(BITS[:3]):
        lsq, v = LSQ(weight[member], bits), weight[member].clone().requires_grad_()
        lsq.step_size = nn.Parameter(torch.tensor(steps[member], dtype=torch.float64))
        out = lsq(v)
        out.backward(grad[member])
        torch.testing.assert_close(operand[member] * rest[member], out.detach(), rtol=1e-15, atol=0)
        assert v.grad is not None and lsq.step_size.grad is not None
        assert torch.equal(grad_weight[member], v.grad)
        torch.testing.assert_close(grad_step[member] * lsq.grad_scale, lsq.step_size.grad, rtol=1e-13, atol=0)
    assert torch.equal(grad_weight[3], grad[3])


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1.0, 1.0),
        (1 + 2**-10, 1 + 2**-10),
        (1 + 2**-11, 1.0),  # a tie goes to the even neighbour
        (1 + 3 * 2**-11, 1 + 2**-9),
        (1 + 2**-11 + 2**-20, 1 + 2**-10),
        (-(1 + 2**-12), -1.0),
        (float("inf"), float("inf")),
    ],
)
def test_tf32_by_hand(value: float, expected: float) -> None:
    assert round_to_tf32(torch.tensor([value])).item() == expected


def test_a_tf32_product_is_that_of_rounded_operands() -> None:
    left, right = (torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(s)) for s in (0, 1))
    exact, rounded = product(left, right, False), product(left, right, True)
    assert 1e-5 < ((exact - rounded).norm() / exact.norm()).item() < 1e-3
    assert round_to_tf32(torch.tensor([float("nan")])).isnan().all()
