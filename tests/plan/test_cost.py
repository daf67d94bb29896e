"""Expected seconds: operation counts, and what stored rows make of them."""

import pytest

from sweep.config.facts import DataFacts
from sweep.config.run import evaluated_epochs
from sweep.plan.cost import SPEEDS, CostModel, operations_s
from sweep.plan.operations import macs_per_image
from tests.conftest import tiny_run
from tests.plan.timed_row import row

FACTS = DataFacts(train_size=1000, test_size=500, channels=1, height=8, width=8, classes=10)


def test_evaluated_epochs() -> None:
    qgen = tiny_run(epochs=300, eval_every_epochs=10)
    assert evaluated_epochs(qgen) == [*range(10, 201, 10), *range(201, 301)]
    assert evaluated_epochs(tiny_run(epochs=10, eval_every_epochs=10)) == [7, 8, 9, 10]
    constant = tiny_run(epochs=25, milestones=[], eval_every_epochs_late=10)
    assert evaluated_epochs(constant) == [10, 20, 25]


def test_operations_by_hand() -> None:
    run = tiny_run(train_subset=0, test_subset=0, batch_size=128, epochs=2, eval_every_epochs=1)
    steps = 2 * 8  # 1000 / 128, rounded up
    images = 2 * 1000 * 3 + 2 * 1500
    expected = steps * SPEEDS["cpu"].step_s + images * macs_per_image(run, FACTS) / SPEEDS["cpu"].macs_per_s
    assert operations_s(run, FACTS, "cpu") == pytest.approx(expected)


@pytest.mark.parametrize(
    ("rule", "passes"),
    [
        ({"rule": "plain"}, 1),
        ({"rule": "sam"}, 2),
        ({"rule": "saq", "saq_case": 3, "tau": 4}, 1.25),
        ({"rule": "saq", "saq_case": 1, "grad_source": "full_precision"}, 3),
    ],
)
def test_operations_of_update_rules(rule: dict[str, object], passes: float) -> None:
    never = {"epochs": 100, "milestones": [], "eval_every_epochs_late": 100}
    step_s = SPEEDS["cpu"].step_s
    plain, other = (operations_s(tiny_run(**never, **r), FACTS, "cpu") for r in ({}, rule))
    steps = 100 * 4 * step_s  # 200 images in batches of 64
    evaluated = 300 * macs_per_image(tiny_run(), FACTS) / SPEEDS["cpu"].macs_per_s
    assert (other - steps - evaluated) / (plain - steps - evaluated) == pytest.approx(passes)


def test_without_rows_it_is_operation_counts() -> None:
    run = tiny_run()
    model = CostModel("cpu", [], {"digits": FACTS})
    assert model.expected_s(run, FACTS) == (operations_s(run, FACTS, "cpu"), "operations")


def test_the_most_similar_rows_decide_by_their_median() -> None:
    run, deeper = tiny_run(), tiny_run(depth=4)
    base = operations_s(run, FACTS, "cpu")
    rows = [row(tiny_run(seed=seed), base * ratio) for seed, ratio in ((1, 2.0), (2, 3.0), (3, 100.0))]
    rows.append(row(deeper, operations_s(deeper, FACTS, "cpu") * 7))
    model = CostModel("cpu", rows, {"digits": FACTS})
    assert model.expected_s(run, FACTS) == (pytest.approx(base * 3), "rows")
    assert model.expected_s(deeper, FACTS)[0] == pytest.approx(operations_s(deeper, FACTS, "cpu") * 7)
    longer = tiny_run(epochs=30)
    assert model.expected_s(longer, FACTS)[0] == pytest.approx(operations_s(longer, FACTS, "cpu") * 3)


def test_seconds_of_several_processes_count_for_each() -> None:
    run = tiny_run()
    rows = [row(run, operations_s(run, FACTS, "cpu"), processes=processes) for processes in (None, 1, 3, 3, 3)]
    assert CostModel("cpu", rows, {"digits": FACTS}).expected_s(run, FACTS)[0] == pytest.approx(
        3 * operations_s(run, FACTS, "cpu")
    )


@pytest.mark.parametrize("changes", [{"status": "diverged"}, {"device": "NVIDIA H200"}, {"dataset": "other"}])
def test_rows_that_say_nothing_about_this_device_are_left_out(changes: dict[str, object]) -> None:
    model = CostModel("cpu", [row(tiny_run(), 1e6, **changes)], {"digits": FACTS})
    assert model.expected_s(tiny_run(), FACTS)[1] == "operations"
