"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys

from sweep.cli import run_command
from sweep.command import Command
from sweep.measures.config import MEASURE_FIELDS
from sweep.measuring import MeasureSweeper

COMMAND = Command("measure", MeasureSweeper, tuple(f"measure.{name}" for name in MEASURE_FIELDS))


def main() -> None:
    COMMAND.run(sys.argv[1:])


if __name__ == "__main__":
    run_command(main)
