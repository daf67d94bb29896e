"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys
from dataclasses import replace

from sweep.commands.arguments import Argument, Section
from sweep.commands.composed import ComposedCommand, no_task, with_multirun
from sweep.commands.keys import HYDRA, MEASURE_KEYS, SELECTION, SETTINGS, TRAINED_IMAGES
from sweep.commands.measuring import MeasureSweeper
from sweep.config.measures import Measure
from sweep.config.measuring import MEASURE_SETTINGS


def _setting(argument: Argument) -> str:
    """Hydra has what is measured as one of the settings."""
    return f"measure.measures={argument.value}" if argument.key == Measure.key else argument.word


def _default(value: object) -> str:
    return str(list(value)) if isinstance(value, tuple) else str(value)


DEFAULTS = zip(MEASURE_KEYS, MEASURE_SETTINGS.values(), strict=True)
OPTIONS = Section(
    "What is measured, and how; several values are an axis",
    tuple(replace(key, default=_default(setting.neutral)) for key, setting in DEFAULTS),
    _setting,
)
SECTIONS = (SELECTION, OPTIONS, TRAINED_IMAGES, SETTINGS, HYDRA)
COMMAND = ComposedCommand("sweep.measure", __doc__, SECTIONS, "measure", (MeasureSweeper,))


def main() -> None:
    COMMAND.run(with_multirun(sys.argv[1:]), no_task)


if __name__ == "__main__":
    main()
