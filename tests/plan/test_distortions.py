"""The order of the work, and what is left of it."""

import itertools

from sweep.config.distorting import Distortion, make_distortions
from sweep.config.facts import DataFacts
from sweep.config.work import Work
from sweep.plan.distortions import BLOCK, make_distort_plan
from tests.conftest import DIGITS, tiny_run
from tests.todays_code import TODAY, today

FACTS = {"digits": DataFacts(1442, 355, 1, 8, 8, 10)}
RUNS = [tiny_run(seed=seed) for seed in range(BLOCK + 2)]
POINTS = [(run, DIGITS) for run in RUNS]


def test_a_block_of_runs_shares_its_images_and_keeps_its_networks() -> None:
    distortions = make_distortions(["fog", "snow"], [1], [0], "generated", "")
    plan = make_distort_plan(POINTS, distortions, FACTS, [], today, "cpu")
    order = [(planned.run.seed // BLOCK, planned.work.options) for planned in plan.runs]
    assert [key for key, _ in itertools.groupby(order)] == [(b, d) for b in (0, 1) for d in distortions]
    assert plan.kind == plan.study == "distort" and len(plan.runs) == 2 * len(RUNS) and not plan.duplicates


def test_runs_on_other_images_are_apart() -> None:
    mixed = [(tiny_run(seed=seed, test_subset=subset), DIGITS) for seed in range(3) for subset in (50, 100)]
    plan = make_distort_plan(mixed, [Distortion("fog", 1)], FACTS, [], today, "cpu")
    assert [planned.run.test_subset for planned in plan.runs] == [50] * 3 + [100] * 3


def test_more_corruptions_leave_only_the_missing_ones_to_do() -> None:
    fog, snow = Distortion("fog", 1), Distortion("snow", 1)
    stored = [
        (run, {"task_id": Work("distort", fog).task_id(run.run_id), "status": status, "code": code} | TIMED)
        for run, status, code in zip(
            RUNS,
            ["failed", "finished", *["finished"] * BLOCK],
            [TODAY.fingerprint, "old", *[TODAY.fingerprint] * BLOCK],
            strict=True,
        )
    ]
    plan = make_distort_plan(POINTS, [fog, snow], FACTS, stored, today, "cpu")
    left = {(planned.run.seed, planned.work.options) for planned in plan.to_do("missing")}
    assert left == {(0, fog), *((run.seed, snow) for run in RUNS)}
    assert {(p.run.seed, p.work.options) for p in plan.to_do("stale")} == left | {(1, fog)}
    assert {planned.cost_from for planned in plan.runs} == {"rows"}
    assert {round(planned.expected_s, 9) for planned in plan.runs} == {2.0}


TIMED = {"seconds": 2.0, "device": "cpu"}
