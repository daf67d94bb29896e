"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys

from sweep.commands.arguments import Argument, Section
from sweep.commands.composed import ComposedCommand, no_task, with_multirun
from sweep.commands.keys import HYDRA, MEASURE_KEYS, SELECTION, SETTINGS, TRAINED_IMAGES
from sweep.commands.measuring import MeasureSweeper
from sweep.config.measures import Measure


def _setting(argument: Argument) -> str:
    """Hydra has what is measured as one of the settings."""
    return f"measure.measures={argument.value}" if argument.key == Measure.key else argument.word


OPTIONS = Section("What is measured, and how; several values are an axis", MEASURE_KEYS, _setting)
SECTIONS = (SELECTION, OPTIONS, TRAINED_IMAGES, SETTINGS, HYDRA)
COMMAND = ComposedCommand("sweep.measure", __doc__, SECTIONS, "measure", (MeasureSweeper,))


def main() -> None:
    COMMAND.run(with_multirun(sys.argv[1:]), no_task)


if __name__ == "__main__":
    main()
