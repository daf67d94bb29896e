"""How a trained run is measured: every value that can change a measure's numbers, checked once, and their id.

Nothing here imports torch: measurements are planned where nothing is computed.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from sweep.config.checks import no_such_key
from sweep.config.fields import hyperparameters, left_out_of_ids, own, value_in, with_fields
from sweep.config.measures import ALL, Measure, check_measures, measures, measures_in, unknown_measures
from sweep.config.parts import check_conflicts, check_from_outside, hyperparameters_of

PRECISIONS = ("fp32", "tf32")
OF_MEASURES = hyperparameters_of(measures().values())
check_from_outside(measures().values(), "measurements")
_of_every_id = partial(own, in_every_id=True)


@dataclass(frozen=True, slots=True, kw_only=True)
@with_fields(OF_MEASURES, "measurement")
class MeasureConfig:
    """The measure settings; two rows with equal run id and equal settings are the same measurement.

    Below are the settings of every measurement; those that measures read follow from their declarations.
    """

    seed: int = _of_every_id("of noise, restarts, image subsets and random directions", 0, low=0, high=2**31 - 1)
    precision: str = own("of matrix products: fp32, or tf32 on GPUs", "fp32", choices=PRECISIONS)
    measures: str = own(
        "which, with + between them; all: those of this package; or modules",
        ALL,
        parse=check_measures,
    )
    train_images: int = own("training images that all is measured on, the same for every seed; 0 for all", 0, low=0)

    @property
    def options_id(self) -> str:
        """Returns the sha256 of the canonical JSON: no default and no later setting changes what an id means."""
        return hashlib.sha256(canonical_json(self).encode()).hexdigest()

    @property
    def parts(self) -> tuple[Measure, ...]:
        """The parts that measure."""
        return measures_in(self.measures)

    @property
    def unknown_parts(self) -> list[str]:
        """The measures of a row that are not known here."""
        return unknown_measures(self.measures)

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...  # a setting that a measure reads


MEASURE_SETTINGS = hyperparameters(MeasureConfig, OF_MEASURES)
MEASURE_FIELDS = tuple(MEASURE_SETTINGS)
# What commands call the columns of rows with these settings.
KEY_OF = {f"measure_{name}": Measure.key if name == "measures" else f"measure.{name}" for name in MEASURE_FIELDS}
# Settings that earlier rows do not have: at these values they change nothing and are left out of the id.
UNLESS = left_out_of_ids(MEASURE_SETTINGS)


def values_of(config: MeasureConfig) -> dict[str, Any]:
    return {name: getattr(config, name) for name in MEASURE_FIELDS}


def canonical_json(config: MeasureConfig) -> str:
    values = {name: value for name, value in values_of(config).items() if UNLESS.get(name) != value}
    return json.dumps(values, sort_keys=True, separators=(",", ":"))


def make_measure_config(values: Mapping[str, object]) -> MeasureConfig:
    """The settings `values`, the rest at their defaults; raises `ConfigError`.

    What cannot change the numbers is set to its default, so that equal measurements have one id.
    """
    for name in values:
        if name not in MEASURE_FIELDS:
            raise no_such_key(name, name, {"Settings of a measurement": MEASURE_FIELDS})
    checked = {name: value_in(values, setting) for name, setting in MEASURE_SETTINGS.items()}
    chosen = measures_in(checked["measures"])
    read = {own.name for measure in chosen for own in measure.read_with(checked)}
    checked |= {name: declared.neutral for name, declared in OF_MEASURES.items() if name not in read}
    check_conflicts(checked, chosen)
    return MeasureConfig(**checked)
