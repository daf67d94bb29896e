"""`qsweep COMMAND ...` or `python -m sweep COMMAND ...`: what `python -m sweep.COMMAND ...` does.

The script finds the package whatever the working directory holds; `python -m` looks there first.
"""

import runpy
import sys

from sweep.config.checks import allowed, did_you_mean

COMMANDS = (
    "accept_code",
    "best",
    "cancel",
    "compact",
    "distort",
    "failures",
    "figures",
    "measure",
    "report",
    "run",
    "status",
    "tables",
)


def main() -> None:
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in COMMANDS:
        sys.exit(f"error: {name or 'no command'}{did_you_mean(name, COMMANDS)}: allowed are {allowed(COMMANDS)}")
    del sys.argv[1]
    runpy.run_module(f"sweep.{name}", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
