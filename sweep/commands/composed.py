"""Commands whose configuration Hydra composes: their keys are checked here, and said to Hydra in its own language."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import hydra
from omegaconf import DictConfig

from sweep.commands.arguments import Argument, Command
from sweep.commands.grammar import check_words, readable
from sweep.commands.plugins import CONF, register_plugins, with_default_launcher
from sweep.commands.sweeper import PlanSweeper

MULTIRUN = {"-m", "--multirun"}


@dataclass(frozen=True)
class ComposedCommand(Command):
    """A command that Hydra composes.

    `conf/<config_name>.yaml` has the defaults; with -m, one of `sweepers` does the work.
    """

    config_name: str
    sweepers: tuple[type[PlanSweeper], ...]

    def for_hydra(self, words: Sequence[str]) -> list[str]:
        """The command line as Hydra takes it; raises `ConfigError` on a key that is not declared."""
        check_words(words)
        return [self._for_hydra(argument) for argument in map(Argument, words)]

    def _for_hydra(self, argument: Argument) -> str:
        return readable(self.section_of(argument).for_hydra(argument)) if argument.gives_value else argument.word

    def run(self, words: Sequence[str], task: Callable[[DictConfig], None]) -> None:
        """Composes the configuration of a command line; `task` is called with it where there is no -m."""
        self.help_if_asked(words)
        sys.argv[1:] = with_default_launcher(self.for_hydra(words))
        register_plugins(*self.sweepers)
        hydra.main(version_base="1.3", config_path=CONF, config_name=self.config_name)(task)()


def with_multirun(words: Sequence[str]) -> list[str]:
    """Returns `words` with -m: a selection of trained runs is always several."""
    return [*([] if MULTIRUN & set(words) else ["-m"]), *words]


def no_task(config: DictConfig) -> None:
    """Does nothing: Hydra wants a task and never calls it, since with -m it calls the sweeper instead."""
