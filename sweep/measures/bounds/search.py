"""The bisection for the largest perturbation that a network bears."""

from collections.abc import Callable
from dataclasses import dataclass

from sweep.config.measuring import MeasureConfig

BELOW, AT_TARGET, ABOVE = -1, 0, 1


@dataclass(frozen=True)
class Excess:
    """The cost of a perturbation, as a share of the images: between `low` and `high`, equal once all are seen."""

    low: float
    high: float
    images: int


@dataclass(frozen=True)
class Step:
    scale: float
    excess: Excess


@dataclass(frozen=True)
class SearchResult:
    """The end of a search: `value` is the last scale tried; None where the unperturbed network already misses the
    threshold.
    """

    value: float | None
    converged: bool  # the excess at `value` is within the tolerance of the target
    saturated: bool  # every step went the same way: `value` is an end of the bracket, not a property of the network
    history: tuple[Step, ...]


MISSED = SearchResult(None, converged=False, saturated=False, history=())


def outcome(excess: float, config: MeasureConfig) -> int:
    """Returns where `excess` lies; rises with it, so that what holds at both ends of an interval holds inside."""
    if abs(excess - config.target) < config.tolerance:
        return AT_TARGET
    return ABOVE if excess > config.target else BELOW


def bisect(excess: Callable[[int, float], Excess], config: MeasureConfig) -> SearchResult:
    """The scale at which `excess(step, scale)` is the target, on [0, search_ceiling].

    `excess` may return an interval as soon as both its ends have one `outcome`. As in the code of Dziugaite et al.
    2020 the last scale tried is the result, converged or not.
    """
    low, high = 0.0, config.search_ceiling
    history: list[Step] = []
    ways: list[int] = []
    while len(history) < config.search_steps and AT_TARGET not in ways:
        scale = (low + high) / 2
        cost = excess(len(history), scale)
        history.append(Step(scale, cost))
        ways.append(outcome(cost.low, config))
        low, high = (low, scale) if ways[-1] == ABOVE else (scale, high)
    converged = ways[-1] == AT_TARGET
    return SearchResult(scale, converged, not converged and len(set(ways)) == 1, tuple(history))
