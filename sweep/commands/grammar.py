"""Words of a command line that Hydra's grammar cannot read, and what to type instead."""

import shlex
from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from sweep.commands.arguments import Argument
from sweep.config.checks import ConfigError

PATHS = ("results_dir", "data_dir", "initial_weights_file", "teacher_file")  # which need no quotes of Hydra's


def check_words(words: Sequence[str]) -> None:
    """Raises `ConfigError` where a blank or a comma too many has torn a list of values apart."""
    for before, word in zip(["", *words], words, strict=False):
        argument = Argument(word)
        if argument.gives_value and argument.value.endswith(","):
            raise ConfigError(f"{word} ends with a comma: values have no blanks between them: {word}...")
        if "=" not in word and not word.startswith(("-", "~")) and not before.startswith("-"):
            raise ConfigError(f"{word}: KEY=VALUE is needed; values of one key have no blanks between them: bits=2,4")


def readable(word: str) -> str:
    """Returns `word` as Hydra can read it: a path with its quotes; raises `ConfigError` where others are needed."""
    if _is_read(word):
        return word
    argument = Argument(word)
    escaped = argument.value.replace("\\", "\\\\").replace('"', '\\"')
    quoted = f'{word.partition("=")[0]}="{escaped}"'
    if argument.key in PATHS and _is_read(quoted):
        return quoted
    how = f"as a text, quoted for Hydra and the shell: {shlex.quote(quoted)}"
    raise ConfigError(f"{word}: Hydra cannot read the value; {how}")


def _is_read(word: str) -> bool:
    try:
        OverridesParser.create().parse_override(word)
    except HydraException:
        return False
    return True
