"""The one language of command lines: a command declares its keys once, and all else follows from them.

An argument is `KEY=VALUE`. What a key is called, means and takes, which keys there are, and the page that `--help`
shows come from the declarations. Commands whose configuration Hydra composes are `sweep.commands.composed`.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

from sweep.config.checks import ConfigError, allowed, check_choice, no_such_key
from sweep.config.parts import left_out
from sweep.terminal import shell_command

Value = TypeVar("Value")
HELP = ("-h", "--help")


def text(name: str, value: str) -> str:
    return value


@dataclass(frozen=True)
class Key(Generic[Value]):
    """An argument that a command takes.

    `read` makes its value of its name and its text, and raises `ConfigError`. `takes_more` also allows what begins with
    the key, as `sampler.seed` does with `sampler`.
    """

    name: str
    meaning: str
    read: Callable[[str, str], Value]
    default: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()
    takes_more: bool = False

    def value_of(self, value: str) -> Value:
        """Raises `ConfigError`."""
        if self.choices:
            check_choice(self.name, value, self.choices)
        return self.read(self.name, value)

    def is_called(self, name: str) -> bool:
        return name == self.name or (self.takes_more and name.startswith((f"{self.name}.", f"{self.name}/")))

    def help(self) -> str:
        facts = [f"in {self.unit}"] if self.unit else []
        facts += [f"one of {allowed(self.choices)}"] if self.choices else []
        facts += [f"default {self.default}"] if self.default else []
        return self.meaning + (f" ({'; '.join(facts)})" if facts else "")


@dataclass(frozen=True)
class Argument:
    """One word of a command line."""

    word: str

    @property
    def key(self) -> str:
        """Also of Hydra's forms, such as `+KEY=VALUE` and `~KEY`."""
        return self.word.partition("=")[0].lstrip("+~").strip()

    @property
    def value(self) -> str:
        return self.word.partition("=")[2]

    @property
    def gives_value(self) -> bool:
        return "=" in self.word and not self.word.startswith("-")


@dataclass(frozen=True)
class Section:
    """Keys of one purpose. `for_hydra` says an argument in Hydra's language, and raises `ConfigError`."""

    heading: str
    keys: tuple[Key[Any], ...]
    for_hydra: Callable[[Argument], str] = lambda argument: argument.word

    def listed(self) -> list[str]:
        """The names, those with a common prefix as one."""
        return list(dict.fromkeys(f"{k.name.partition('.')[0]}.KEY" if "." in k.name else k.name for k in self.keys))


@dataclass(frozen=True)
class Command:
    """A command: its `module`, as `python -m MODULE`, what it is for, and the keys that it takes."""

    module: str
    summary: str
    sections: tuple[Section, ...]

    @cached_property
    def keys(self) -> Mapping[str, Key[Any]]:
        return {key.name: key for section in self.sections for key in section.keys}

    def section_of(self, argument: Argument) -> Section:
        """Returns the section that declares the key of `argument`; raises `ConfigError` where none does."""
        name = argument.key
        for section in self.sections:
            if any(key.is_called(name) for key in section.keys):
                return section
        prefix = f"{name.partition('.')[0]}."
        alike = {s.heading: [k.name for k in s.keys if k.name.startswith(prefix)] for s in self.sections}
        alike = {heading: names for heading, names in alike.items() if names}
        listed = alike or {section.heading: section.listed() for section in self.sections}
        raise no_such_key(argument.word, name, listed, self.keys)

    def parse(self, words: Sequence[str]) -> "Arguments":
        """The values of a command line; raises `ConfigError`. Shows the page of the command where it asks for help.

        Says on standard error which parts from outside it goes on without.
        """
        self.help_if_asked(words)
        texts: dict[str, str] = {}
        for argument in map(Argument, words):
            name, equals, value = argument.word.partition("=")
            self.section_of(argument)
            if not equals or name not in self.keys:
                raise ConfigError(f"{argument.word}: KEY=VALUE is needed")
            if name in texts:
                raise ConfigError(f"{argument.word}: {name} was given before, as {texts[name]}; give it once")
            self.keys[name].value_of(value)
            texts[name] = value
        for module, error in left_out().items():
            print(f"left out: {module}, with the columns, keys and names that it declares: {error}", file=sys.stderr)
        return Arguments(self, texts)

    def help_if_asked(self, words: Sequence[str]) -> None:
        if set(HELP) & set(words):
            print(self.help())
            sys.exit()

    def help(self) -> str:
        """The page of the command."""
        width = max(len(name) for name in self.keys)
        blocks = [f"python -m {self.module} KEY=VALUE ...", self.summary.strip()]
        for section in self.sections:
            lines = [f"  {key.name:<{width}}  {key.help()}" for key in section.keys]
            blocks.append("\n".join([f"{section.heading}:", *lines]))
        return "\n\n".join(blocks)


@dataclass(frozen=True)
class Arguments:
    """A command line that was checked: the text of every key that it gives, in its order."""

    command: Command
    texts: Mapping[str, str]

    def __getitem__(self, key: Key[Value]) -> Value:
        return key.value_of(self.texts.get(key.name, key.default))

    def of(self, section: Section) -> dict[str, str]:
        """The texts of the keys of `section` that were given, those that are empty left out."""
        names = {key.name for key in section.keys}
        return {name: value for name, value in self.texts.items() if name in names and value}

    def shell_command(self) -> str:
        """Returns what to type to say the same."""
        return shell_command(self.command.module, **self.texts)
