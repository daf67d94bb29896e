"""The bisection on functions whose answer is known."""

import math

import pytest

from sweep.config.measuring import make_measure_config
from sweep.measures.bounds.search import ABOVE, AT_TARGET, BELOW, Excess, bisect, outcome

CONFIG = make_measure_config({"tolerance": 1e-3})


def exact(value: float) -> Excess:
    return Excess(value, value, 1)


def test_it_converges_to_the_scale_of_the_target() -> None:
    result = bisect(lambda step, scale: exact(scale**2), CONFIG)
    assert result.converged and not result.saturated
    assert result.value is not None and abs(result.value**2 - 0.1) < 1e-3
    assert [step.scale for step in result.history[:4]] == [1.0, 0.5, 0.25, 0.375]
    assert all(abs(step.excess.low - 0.1) >= 1e-3 for step in result.history[:-1])


@pytest.mark.parametrize(("excess", "value"), [(0.0, 2 - 2**-14), (0.9, 2**-14)])
def test_all_steps_one_way_is_saturated(excess: float, value: float) -> None:
    result = bisect(lambda step, scale: exact(excess), CONFIG)
    assert (result.value, result.converged, result.saturated) == (value, False, True)
    assert len(result.history) == 15


def test_a_step_function_is_neither_converged_nor_saturated() -> None:
    result = bisect(lambda step, scale: exact(float(scale > 0.7)), CONFIG)
    assert result.value == pytest.approx(0.7, abs=2**-13)
    assert not result.converged and not result.saturated


def test_at_the_first_step() -> None:
    result = bisect(lambda step, scale: exact(0.1), CONFIG)
    assert (result.value, result.converged, result.saturated) == (1.0, True, False)


def test_intervals_with_one_outcome_give_the_exhaustive_result() -> None:
    def undecided(step: int, scale: float) -> Excess:
        value = 1 - math.exp(-scale)
        low, high = value - 0.05, value + 0.3
        return Excess(low, high, 1) if outcome(low, CONFIG) == outcome(high, CONFIG) else exact(value)

    early, exhaustive = bisect(undecided, CONFIG), bisect(lambda step, scale: exact(1 - math.exp(-scale)), CONFIG)
    assert early.history[0].excess.low < early.history[0].excess.high
    assert (early.value, early.converged) == (exhaustive.value, exhaustive.converged)
    assert [step.scale for step in early.history] == [step.scale for step in exhaustive.history]


def test_outcomes_rise_with_the_excess() -> None:
    excesses = [-0.5, 0.0, 0.0989, 0.0991, 0.1, 0.1009, 0.1011, 1.0]
    assert [outcome(excess, CONFIG) for excess in excesses] == [BELOW] * 3 + [AT_TARGET] * 3 + [ABOVE] * 2
