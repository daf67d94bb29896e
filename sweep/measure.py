"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys

from sweep.commands.arguments import Section
from sweep.commands.composed import ComposedCommand, no_task, with_multirun
from sweep.commands.keys import HYDRA, MEASURE_KEYS, SELECTION, SETTINGS, TRAINED_IMAGES
from sweep.commands.measuring import MeasureSweeper

OPTIONS = Section("How they are measured; several values are an axis", MEASURE_KEYS)
SECTIONS = (SELECTION, OPTIONS, TRAINED_IMAGES, SETTINGS, HYDRA)
COMMAND = ComposedCommand("sweep.measure", __doc__, SECTIONS, "measure", (MeasureSweeper,))


def main() -> None:
    COMMAND.run(with_multirun(sys.argv[1:]), no_task)


if __name__ == "__main__":
    main()
