"""`python -m sweep.distort -m bits=2,32 corruption=contrast severity=1,5`: trained runs on corrupted images, see
docs/distortions.md.
"""

import sys

from sweep.commands.cli import run_command
from sweep.commands.command import Command
from sweep.commands.distorting import OPTIONS, DistortSweeper

COMMAND = Command("distort", DistortSweeper, OPTIONS)


def main() -> None:
    COMMAND.run(sys.argv[1:])


if __name__ == "__main__":
    run_command(main)
