"""The commands as a user types them, with their workers in this process: a hundred runs take seconds."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import pytest

from launchers import local
from launchers.plan_launcher import Ended
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.worker.causes import KILLED
from sweep.worker.job import work_on


class InlineExecutor:
    """Does a pack when it is submitted."""

    def __init__(self, slots: int, settings: Settings) -> None:
        self._done: list[Ended] = []
        self._ended: list[Ended] = []

    def submit(self, packs: Sequence[Pack]) -> None:
        for pack in packs:
            handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGINT)}
            try:
                work_on(pack)
            except SystemExit:
                pass  # a run failed: its row says how
            finally:
                for number, handler in handlers.items():
                    signal.signal(number, handler)
            self._done.append(Ended(pack, KILLED, Path()))

    def advance(self) -> None:
        self._ended, self._done = self._done, []

    def ended(self) -> list[Ended]:
        return self._ended

    def finish(self, pack: Pack) -> None:
        pass

    def summary(self) -> str:
        return ""

    def interrupt(self) -> None:
        pass

    def way_on(self) -> str:
        return ""

    def stop(self) -> None:
        pass


def run_inline(command: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    """`python -m COMMAND` on this machine."""
    monkeypatch.setattr(local, "LocalExecutor", InlineExecutor)
    monkeypatch.setattr(sys, "argv", [command.__name__, *arguments, "hydra/launcher=local"])
    command.main()
