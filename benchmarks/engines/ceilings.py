"""The most that a device does: of a large matrix product, and of a large copy."""

from collections.abc import Callable

import torch

from benchmarks.engines.timing import now_s
from sweep.training.precision import OPERANDS, set_tf32

MATRIX_SIZE = {"cuda": 8192, "cpu": 2048}
COPIED_BYTES = {"cuda": 2**31, "cpu": 2**28}
REPEATS = 7


def best_s(work: Callable[[], object], device: torch.device) -> float:
    """The shortest of `REPEATS` times, after one to warm up."""
    times = []
    for _ in range(REPEATS + 1):
        started = now_s(device)
        work()
        times.append(now_s(device) - started)
    return min(times[1:])


def product_flops(precision: str, device: torch.device) -> float:
    """Floating point operations per second of a square matrix product in the operands' type."""
    set_tf32(precision)
    size = MATRIX_SIZE[device.type]
    left, right = torch.randn(2, size, size, device=device).to(OPERANDS[precision])
    return 2 * size**3 / best_s(lambda: left @ right, device)


def copy_bytes(device: torch.device) -> float:
    """Bytes per second, read and written."""
    source = torch.zeros(COPIED_BYTES[device.type], dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * len(source) / best_s(lambda: target.copy_(source), device)
