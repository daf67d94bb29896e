"""Times, memory and accuracy of every variant, or its error."""

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch

from benchmarks.engines.accuracy import float64_error
from benchmarks.engines.timing import StepClock
from benchmarks.engines.variants import Variant
from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.training.array.memory import predicted_bytes
from sweep.training.graph import is_compiled


@dataclass
class Case:
    """A variant in training of `members` networks like `base`."""

    variant: Variant
    base: RunConfig
    members: int
    step_s: list[float] = field(default_factory=list)
    peak_bytes: int | None = None
    predicted_bytes: int | None = None
    float64_error: float | None = None
    error: str = ""

    def __str__(self) -> str:
        return f"{self.variant.name} {self.base.precision} {self.base.width}x{self.base.depth} K={self.members}"


def run_cases(cases: Sequence[Case], data: ImageData, facts: DataFacts, repeats: int, seconds: float) -> None:
    """Measures the cases in turn, `repeats` times, and then how exact they are. One that fails is not tried again."""
    device = data.train.labels.device
    for _ in range(repeats):
        for case in cases:
            _attempt(case, partial(_time, case, data, facts, seconds))
    found: dict[tuple[str, str], float] = {}
    for case in cases:
        _attempt(case, partial(_add_error, case, found, device))


def _attempt(case: Case, work: Callable[[], None]) -> None:
    if case.error:
        return
    try:
        work()
    except Exception as error:  # whatever it is, it is this variant's row
        case.error = f"{type(error).__name__}: {error}".strip().splitlines()[0]
        print(f"{case}: {case.error}", file=sys.stderr, flush=True)


def _time(case: Case, data: ImageData, facts: DataFacts, seconds: float) -> None:
    device = data.train.labels.device
    _forget(device)
    clock = StepClock(seconds, device)
    case.variant.train(case.variant.runs(case.base, case.members), data, device, clock)
    case.step_s.append(clock.step_s())
    if device.type == "cuda":
        case.peak_bytes = max(case.peak_bytes or 0, torch.cuda.max_memory_allocated(device))
    case.predicted_bytes = _predicted_bytes(case, facts, device)
    print(f"{case}: {case.step_s[-1] * 1000:.2f} ms", file=sys.stderr, flush=True)


def _forget(device: torch.device) -> None:
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def _predicted_bytes(case: Case, facts: DataFacts, device: torch.device) -> int | None:
    if case.variant.name != "array":
        return None
    return predicted_bytes(case.base, facts, case.members, is_compiled(device))


def _add_error(case: Case, found: dict[tuple[str, str], float], device: torch.device) -> None:
    key = (case.variant.name, case.base.precision)
    if key not in found:
        found[key] = float64_error(case.variant, case.base.precision, device)
    case.float64_error = found[key]
