"""`python -m sweep.measure -m bits=2,32 width=12`: the flatness of trained runs, see docs/flatness.md."""

import sys

from sweep.commands.cli import run_command
from sweep.commands.command import Command
from sweep.commands.measuring import MeasureSweeper
from sweep.config.measuring import MEASURE_FIELDS

COMMAND = Command("measure", MeasureSweeper, tuple(f"measure.{name}" for name in MEASURE_FIELDS))


def main() -> None:
    COMMAND.run(sys.argv[1:])


if __name__ == "__main__":
    run_command(main)
