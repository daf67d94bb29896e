"""The plan of evaluating runs on corrupted images: in which order, what is done of it, and what the rest costs."""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sweep.config.distorting import Distortion
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource, RunConfig, decodes_batches
from sweep.plan.code import CodeOfWork
from sweep.plan.cost import SPEEDS, Ratios, macs_per_image
from sweep.plan.plan import Plan, is_like, plan_work

BLOCK = 8  # runs that a worker evaluates on one set of corrupted images before it goes to the next
Evaluated = tuple[RunConfig, Mapping[str, Any]]  # and of its row: task_id, status, code, seconds, device


def make_distort_plan(
    points: Iterable[tuple[RunConfig, DataSource]],
    distortions: Sequence[Distortion],
    facts: Mapping[str, DataFacts],
    evaluated: Sequence[Evaluated],
    code: CodeOfWork,
    processor: str,
) -> Plan:
    """Every run of `points` on every one of `distortions`, against what is stored and today's `code` of each.

    `facts` by name of the data set; `processor` of the workers, see `sweep.plan.cost.processor_of`.
    """

    @cache
    def operations_s(run: RunConfig) -> float:
        speed, images = SPEEDS[processor], facts[run.dataset].subset(run)[1]
        return speed.step_s + images * macs_per_image(run, facts[run.dataset]) / speed.macs_per_s

    alike = [(run, row) for run, row in evaluated if run.dataset in facts and is_like(row, processor)]
    ratios = Ratios((run, row["seconds"] / operations_s(run)) for run, row in alike)
    expected = cache(lambda run: ratios.expected_s(run, operations_s(run)))
    rows = {row["task_id"]: row for _, row in evaluated}
    return plan_work("distort", _ordered(points, distortions), rows, code, lambda run, _: expected(run))


def _ordered(
    points: Iterable[tuple[RunConfig, DataSource]], distortions: Sequence[Distortion]
) -> Iterable[tuple[RunConfig, DataSource, Distortion]]:
    """Blocks of runs that share their images, which are loaded once for a block, as are its networks for all images."""
    for _, alike in itertools.groupby(sorted(points, key=_images), key=_images):
        runs = list(alike)
        for start in range(0, len(runs), BLOCK):
            for distortion, (run, source) in itertools.product(distortions, runs[start : start + BLOCK]):
                yield run, source, distortion


def _images(point: tuple[RunConfig, DataSource]) -> tuple[str, int, int, bool]:
    run, _ = point
    return run.dataset, run.train_subset, run.test_subset, decodes_batches(run)
