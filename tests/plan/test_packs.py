"""Packs: every run once, about as long as asked."""

import dataclasses

import pytest

from sweep import data
from sweep.config.settings import Settings
from sweep.plan.packs import PACKS_PER_WORKER, SHORTEST_PACK_S, Task, make_tasks, split_into_packs
from sweep.plan.plan import PlannedRun
from sweep.training.array.memory import predicted_bytes
from sweep.worker import arrays
from tests.conftest import DIGITS, tiny_run
from tests.plan.tasks import tasks
from tests.todays_code import TODAY


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
    new = PlannedRun(run, run.run_id, DIGITS, "failed", 1.0, "rows", TODAY)
    (task,) = make_tasks([new], {run.run_id: 2})
    assert (task.attempt, task.has_row) == (3, False)
    (task,) = make_tasks([dataclasses.replace(new, state="stale")], {})
    assert (task.attempt, task.has_row) == (1, True)


def grid_tasks(expected_s: float) -> list[Task]:
    """Two architectures, 24 runs each, in the order in which a grid has them."""
    runs = [
        tiny_run(bits=bits, depth=depth, seed=seed) for bits in (2, 4, 8, 32) for depth in (2, 3) for seed in range(6)
    ]
    return make_tasks([PlannedRun(run, run.run_id, DIGITS, "new", expected_s, "rows", TODAY) for run in runs], {})


@pytest.mark.parametrize(
    ("expected_s", "workers", "limit", "sizes"),
    [
        (1.0, 1, 100, [20, 20, 4, 4]),  # the shortest pack is 20 s
        (1.0, 1, 6, [6] * 8),  # what fits into memory
        (600.0, 1, 100, [8] * 6),  # fewer would not fill a GPU
        (600.0, 1, 4, [4] * 12),
        (10.0, 1, 100, [16, 16, 8, 8]),  # 480 s in three packs for one worker
    ],
)
def test_packs_of_arrays_are_of_one_architecture(expected_s: float, workers: int, limit: int, sizes: list[int]) -> None:
    given = grid_tasks(expected_s)
    packs = split_into_packs(given, workers, pack_minutes=10, limit=lambda task: limit)
    assert [len(pack) for pack in packs] == sizes
    assert sorted(task.run_id for pack in packs for task in pack) == sorted(task.run_id for task in given)
    assert all(len({task.run.depth for task in pack}) == 1 for pack in packs)


def test_runs_that_cannot_join_an_array_have_packs_of_their_own_and_train_one_by_one() -> None:
    others = tasks([10.0] * 4)
    others = [dataclasses.replace(task, run=tiny_run(seed=i, act_bits=8)) for i, task in enumerate(others)]
    given = [task for pair in zip(others, grid_tasks(10.0), strict=False) for task in pair]
    packs = split_into_packs(given, 1, pack_minutes=10, limit=lambda task: 100)
    # 80 s in three packs for one worker, and an array of fewer than 8 is not split
    assert [[task.run.act_bits for task in pack] for pack in packs] == [[32] * 4, [8] * 3, [8]]
    found = list(arrays.arrays_of(given, Settings(engine="array", device="cpu")))
    assert [len(members) for members in found] == [1, 1, 1, 1, 4]
    assert [members[0].run.act_bits for members in found] == [8, 8, 8, 8, 32]


def test_a_worker_splits_what_does_not_fit_into_its_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    given = grid_tasks(1.0)
    settings = Settings(engine="array", device="cpu")
    run = given[0].run
    facts = data.describe(DIGITS)
    monkeypatch.setattr(
        arrays, "free_memory_bytes", lambda device: int(predicted_bytes(run, facts, 10, False) / 0.9) + 1
    )
    assert [len(members) for members in arrays.arrays_of(given, settings)][:3] == [10, 10, 4]
    capped = dataclasses.replace(settings, array_size=7)
    assert [len(members) for members in arrays.arrays_of(given, capped)][:4] == [7, 7, 7, 3]
    plain = dataclasses.replace(settings, engine="plain")
    assert [len(members) for members in arrays.arrays_of(given, plain)] == [1] * 48


def test_memory_of_a_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "host_memory_bytes", lambda: 64 * 2**30)
    assert arrays.memory_bytes(Settings(device="cpu"), workers=4) == 16 * 2**30
    assert arrays.memory_bytes(Settings(device="cuda", gpu_memory_gb=80), workers=4) == 80 * 2**30
    monkeypatch.setattr(arrays, "gpu_memory_bytes", lambda: None)
    assert arrays.memory_bytes(Settings(device="cuda"), workers=4) == 40 * 2**30
    monkeypatch.setattr(arrays, "gpu_memory_bytes", lambda: 7)
    assert arrays.memory_bytes(Settings(device="cuda"), workers=4) == 7


def test_arrays_are_described_with_their_memory() -> None:
    given = grid_tasks(1.0)
    packs = split_into_packs(given, 1, pack_minutes=10, limit=lambda task: 10)
    gib = predicted_bytes(given[-1].run, data.describe(DIGITS), 10, False) / 2**30  # the deeper network
    described = arrays.describe_arrays(packs, Settings(engine="array", device="cpu"))
    assert described == f"6 arrays of 4 to 10 runs, {gib:.1f} GiB at most"
