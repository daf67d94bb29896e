"""The plan of a measurement: which finished runs, with which settings, and what is done of it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.config.facts import DataFacts
from sweep.config.measuring import MeasureConfig
from sweep.config.run import DataSource, RunConfig
from sweep.plan.code import CodeOfWork
from sweep.plan.measuring_cost import MeasureCostModel
from sweep.plan.plan import Plan, is_like, plan_work


@dataclass(frozen=True)
class Measured:
    """A stored measurement, as far as a plan needs it."""

    run: RunConfig
    config: MeasureConfig
    row: Mapping[str, Any]  # task_id, status, code, seconds, device


def make_measure_plan(
    points: Iterable[tuple[RunConfig, DataSource]],
    configs: Sequence[MeasureConfig],
    facts: Mapping[str, DataFacts],
    measured: Sequence[Measured],
    code: CodeOfWork,
    processor: str,
) -> Plan:
    """Every run of `points` with every one of `configs`, against what is stored and today's `code` of each.

    `facts` by name of the data set; `processor` of the workers, see `sweep.plan.cost.processor_of`.
    """
    similar = [each for each in measured if is_like(each.row, processor)]
    cost = MeasureCostModel(processor, [(each.run, each.config, each.row["seconds"]) for each in similar], facts)
    stored = {each.row["task_id"]: each.row for each in measured}
    pairs = ((run, source, config) for run, source in points for config in configs)
    return plan_work("measure", pairs, stored, code, cost.expected_s)
