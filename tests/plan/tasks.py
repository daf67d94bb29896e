"""Tasks of known cost."""

from sweep.plan.packs import Task, make_tasks
from sweep.plan.plan import PlannedRun
from tests.conftest import DIGITS, tiny_run
from tests.todays_code import TODAY


def tasks(costs_s: list[float]) -> list[Task]:
    planned = [
        PlannedRun(run, run.run_id, DIGITS, "new", cost, "rows", TODAY)
        for cost, run in ((cost, tiny_run(seed=seed)) for seed, cost in enumerate(costs_s))
    ]
    return make_tasks(planned, {})
