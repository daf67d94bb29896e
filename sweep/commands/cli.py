"""`key=value` arguments of the commands that do not compose a configuration."""

import sys
from collections.abc import Callable, Mapping, Sequence

from sweep.config.checks import ConfigError, allowed, did_you_mean


def parse_arguments(argv: Sequence[str], defaults: Mapping[str, str]) -> dict[str, str]:
    """The values of `argv` over `defaults`, whose keys are all that is allowed; raises `ConfigError`."""
    values = dict(defaults)
    for argument in argv:
        key, equals, value = argument.partition("=")
        if not equals or key not in defaults:
            known = allowed(f"{k}={v}" for k, v in defaults.items())
            raise ConfigError(f"{argument}: not an argument{did_you_mean(key, defaults)}: allowed are {known}")
        values[key] = value
    return values


def run_command(main: Callable[[], None]) -> None:
    """Runs a command; an error of the user's is shown without a trace."""
    try:
        main()
    except ConfigError as error:
        sys.exit(f"error: {error}")
