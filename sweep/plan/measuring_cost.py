"""What a measurement will cost, in seconds, before it starts: operation counts, corrected by stored measurements."""

from collections.abc import Iterable, Mapping

from sweep.config.facts import DataFacts
from sweep.config.measures import FORMS, images_taken
from sweep.config.measuring import MeasureConfig, values_of
from sweep.config.run import RunConfig
from sweep.plan.cost import BACKWARD, SPEEDS, Ratios, macs_per_image


def forward_images(config: MeasureConfig, facts: DataFacts, run: RunConfig) -> float:
    """Images through the network, forward, that the measures of one run amount to."""
    images, values = images_taken(config.train_images, facts.subset(run)[0]), values_of(config)
    total = 0.0
    for measure in config.parts:
        passes = measure.passes(values, images, facts.classes)
        times = len(FORMS) if measure.of_form else 1
        total += times * (passes.forward + passes.gradient * (1 + BACKWARD))
    return total


def operations_s(config: MeasureConfig, facts: DataFacts, run: RunConfig, processor: str) -> float:
    """Seconds that measuring `run` takes by operation counts alone on `processor`; above 0, also of norms alone."""
    speed = SPEEDS[processor]
    return speed.step_s + forward_images(config, facts, run) * macs_per_image(run, facts) / speed.macs_per_s


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
