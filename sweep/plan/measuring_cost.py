"""What a measurement will cost, in seconds, before it starts: operation counts, corrected by stored measurements."""

from collections.abc import Iterable, Mapping

from sweep.config.facts import DataFacts
from sweep.config.measuring import FORMS, MeasureConfig
from sweep.config.run import RunConfig
from sweep.plan.cost import BACKWARD, SPEEDS, Ratios, macs_per_image

GRADIENT = 1 + BACKWARD  # passes of a loss and its gradient, in forward passes
USUAL_STEPS = 8  # of a search that converges
USUAL_ITERATIONS = 25  # of the power iteration


def forward_images(config: MeasureConfig, facts: DataFacts, run: RunConfig) -> float:
    """Images through the network, forward, that the measures of one run amount to."""
    train = min(config.train_images or facts.subset(run)[0], facts.subset(run)[0])
    curvature = min(config.curvature_images or train, train)
    steps = min(config.search_steps, USUAL_STEPS)
    sigma = steps * config.noise_samples * train
    ascent = config.ascent_steps * min(config.ascent_images or train, train) * GRADIENT
    alpha = steps * config.restarts * (ascent + train)
    hessian = min(config.hessian_iterations, USUAL_ITERATIONS) * curvature * 2 * GRADIENT
    linf = 2 * len(config.linf_radii) * (config.linf_iterations + 2) * curvature * GRADIENT
    landscape = config.landscape_points**2 * curvature
    regularizer = min(config.regularizer_images or train, train) * facts.classes * GRADIENT
    return len(FORMS) * (2 * sigma + 2 * alpha + hessian + linf + landscape) + regularizer


def operations_s(config: MeasureConfig, facts: DataFacts, run: RunConfig, processor: str) -> float:
    return forward_images(config, facts, run) * macs_per_image(run, facts) / SPEEDS[processor].macs_per_s


class MeasureCostModel:
    """Expected seconds of measurements on one processor."""

    def __init__(
        self,
        processor: str,
        seen: Iterable[tuple[RunConfig, MeasureConfig, float]],
        facts: Mapping[str, DataFacts],
    ) -> None:
        """`seen`: runs, settings and seconds of stored measurements by this processor."""
        self._processor, self._facts = processor, facts
        known = ((run, config, seconds) for run, config, seconds in seen if run.dataset in facts)
        self._ratios = Ratios(
            (run, seconds / operations_s(config, facts[run.dataset], run, processor)) for run, config, seconds in known
        )

    def expected_s(self, run: RunConfig, config: MeasureConfig) -> tuple[float, str]:
        """Seconds, and what they come from: `rows` or `operations`."""
        return self._ratios.expected_s(run, operations_s(config, self._facts[run.dataset], run, self._processor))
