"""Journals: what happened to tasks (`sweep.results.events`), one file per pack."""

import dataclasses
import os
import platform
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from sweep.results.events import EVENTS, Died, Event, Failed, Started
from sweep.results.lines import EventReader, append_event
from sweep.results.paths import ResultsDir

_OLDER_NAMES = {"run_id": "task_id"}  # of before there was other work than training


def record(journal: Path, event: Event) -> None:
    """Appends `event` to the file `journal`, as of now and of this process."""
    append_event(journal, dataclasses.replace(event, at=time.time(), pid=os.getpid(), host=platform.node()))


class JournalReader(EventReader[Event]):
    """Reads the events of one journal, each once, as it grows."""

    def __init__(self, journal: Path) -> None:
        super().__init__(journal, EVENTS, _OLDER_NAMES)


def events_of(journals: Iterable[Path]) -> list[Event]:
    """Returns all events of `journals`, in the order of time."""
    found = [event for journal in journals for event in JournalReader(journal).new_events()]
    return sorted(found, key=lambda event: event.at)


class History:
    """All that the sweeps of a results directory have tried before.

    `attempts` counts by task id how often a task was started; `deaths` counts by task id and cause how often its worker
    died since the task last failed.
    """

    def __init__(self, results_dir: Path) -> None:
        self.attempts: Counter[str] = Counter()
        self.deaths: Counter[tuple[str, str]] = Counter()
        for event in events_of(ResultsDir(results_dir).journals()):
            self._add(event)

    def _add(self, event: Event) -> None:
        match event:
            case Started():
                self.attempts[event.task_id] += 1
            case Died():
                self.deaths[event.task_id, event.cause] += 1
            case Failed():
                for key in [key for key in self.deaths if key[0] == event.task_id]:
                    del self.deaths[key]
