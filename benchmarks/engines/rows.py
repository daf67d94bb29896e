"""The columns of a row, from what was measured and from the shapes of the layers."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from benchmarks.engines.measure import Case
from benchmarks.engines.traffic import operations, step_bytes
from sweep.config.facts import DataFacts

EPOCH_IMAGES = 50_000  # of CIFAR-10; a model-epoch is so many, whatever was trained on here
BASELINE = "loop+loader"


def model_epochs_per_h(case: Case, step_s: float) -> float:
    return 3600 * case.members / (math.ceil(EPOCH_IMAGES / case.base.batch_size) * step_s)


def rows_of(
    cases: Sequence[Case], facts: DataFacts, flops: dict[str, float], copy_bytes_per_s: float
) -> list[dict[str, Any]]:
    """`flops`: by precision, the ceiling measured; speeds are None for a variant that failed."""
    baseline = {case.base.precision: case for case in cases if case.variant.name == BASELINE}
    found = []
    for case in cases:
        row = _identity(case) | _speeds(case, facts)
        row["times_loop"] = _times(case, baseline.get(case.base.precision))
        row |= {"ceiling_tflops": flops[case.base.precision] / 1e12, "ceiling_tb_per_s": copy_bytes_per_s / 1e12}
        found.append(row)
    return found


def _identity(case: Case) -> dict[str, Any]:
    base = case.base
    return {
        "variant": case.variant.name, "precision": base.precision, "width": base.width, "depth": base.depth,
        "members": case.members, "batch_size": base.batch_size, "step_s_of_repeats": case.step_s,
        "peak_bytes": case.peak_bytes, "predicted_bytes": case.predicted_bytes,
        "float64_error": case.float64_error, "error": case.error,
    }  # fmt: skip


def _times(case: Case, baseline: Case | None) -> float | None:
    """How many times as fast as `baseline`: the median of ratios within a repeat."""
    if baseline is None or not case.step_s or not baseline.step_s:
        return None
    pairs = zip(case.step_s, baseline.step_s, strict=False)  # one that failed has fewer repeats
    return statistics.median(of_baseline * case.members / own for own, of_baseline in pairs)


def _speeds(case: Case, facts: DataFacts) -> dict[str, float | None]:
    names = ("model_epochs_per_h", "lowest", "highest", "tflops", "tb_per_s")
    if not case.step_s:
        return dict.fromkeys(names)
    median_s = statistics.median(case.step_s)
    values = [model_epochs_per_h(case, step_s) for step_s in (median_s, max(case.step_s), min(case.step_s))]
    tflops = case.members * operations(case.base, facts) / median_s / 1e12
    tb_per_s = case.members * step_bytes(case.base, facts, case.variant.traffic) / median_s / 1e12
    return dict(zip(names, (*values, tflops, tb_per_s), strict=True))
