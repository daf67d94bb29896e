"""Packs: every run once, about as long as asked."""

import dataclasses

import pytest

from launchers.packs import PACKS_PER_WORKER, SHORTEST_PACK_S, Task, make_tasks, split_into_packs
from sweep.plan import PlannedRun
from tests.conftest import DIGITS, tiny_run


def tasks(costs_s: list[float]) -> list[Task]:
    planned = [
        PlannedRun(run, run.run_id, DIGITS, "new", cost, "rows")
        for cost, run in ((cost, tiny_run(seed=seed)) for seed, cost in enumerate(costs_s))
    ]
    return make_tasks(planned, {})


@pytest.mark.parametrize(("costs_s", "workers"), [([1.0] * 10, 2), ([5.0] * 972, 2), ([600.0] * 7, 3), ([3.0], 8)])
def test_every_run_is_in_one_pack(costs_s: list[float], workers: int) -> None:
    given = tasks(costs_s)
    packs = split_into_packs(given, workers, pack_minutes=10)
    assert sorted(task.run_id for pack in packs for task in pack) == sorted(task.run_id for task in given)
    lengths = [sum(task.expected_s for task in pack) for pack in packs]
    assert lengths == sorted(lengths, reverse=True)
    assert max(lengths) <= 10 * 60 + max(costs_s)


def test_pack_sizes_by_hand() -> None:
    assert [len(p) for p in split_into_packs(tasks([60.0] * 40), 1, pack_minutes=10)] == [10] * 4
    assert [len(p) for p in split_into_packs(tasks([60.0] * 6), 1, pack_minutes=10)] == [2] * PACKS_PER_WORKER
    assert [len(p) for p in split_into_packs(tasks([1.0] * 30), 4, pack_minutes=10)] == [int(SHORTEST_PACK_S), 10]


def test_attempts_and_stale_rows_are_known_to_the_worker() -> None:
    run = tiny_run()
    new = PlannedRun(run, run.run_id, DIGITS, "failed", 1.0, "rows")
    (task,) = make_tasks([new], {run.run_id: 2})
    assert (task.attempt, task.has_row) == (3, False)
    (task,) = make_tasks([dataclasses.replace(new, state="stale")], {})
    assert (task.attempt, task.has_row) == (1, True)
