"""What happened to runs, one line of JSON per event, one file per pack."""

import json
import os
import platform
import time
from collections import Counter
from pathlib import Path
from typing import Any

from sweep.results.paths import ResultsDir

STARTED = "started"
STOPPED = "stopped"  # asked to, with a checkpoint
DIED = "died"  # written by the launcher: the worker ended in this run, for the reason in `cause`
FAILED = "failed"
EPOCH = "epoch"  # an evaluated one, where a search asks for it
PRUNED = "pruned"  # stopped by a search, with a checkpoint and no row
ENDS = ("finished", "diverged", FAILED, PRUNED)  # the others are the status of the row that was written


def append_line(path: Path, values: dict[str, Any]) -> None:
    """One line in one write, so that a killed process leaves at most its last line unfinished."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(json.dumps(values) + "\n")


def record(path: Path, event: str, task_id: str, **details: Any) -> None:
    append_line(
        path,
        {"event": event, "task_id": task_id, "at": time.time(), "pid": os.getpid(), "host": platform.node(), **details},
    )


class JournalReader:
    """Lines of one file that were not returned before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_events(self) -> list[dict[str, Any]]:
        """An unfinished last line waits; a line that is no JSON was cut by a kill and is passed over."""
        if not self._path.exists() or self._path.stat().st_size == self._position:
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._position)
            lines = stream.read()
        complete = lines[: lines.rfind(b"\n") + 1]
        self._position += len(complete)
        return [event for line in complete.splitlines() if (event := _parse(line)) is not None]


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event: dict[str, Any] = json.loads(line)
    except ValueError:
        return None
    if "run_id" in event:  # as journals named it before there was other work than training
        event.setdefault("task_id", event["run_id"])
    return event


class History:
    """What every sweep of a results directory has tried before."""

    def __init__(self, results_dir: Path) -> None:
        self.attempts: Counter[str] = Counter()  # by run id
        self.deaths: Counter[tuple[str, str]] = Counter()  # by run id and cause, since the run last failed
        events = [event for path in ResultsDir(results_dir).journals() for event in JournalReader(path).new_events()]
        for event in sorted(events, key=lambda event: event["at"]):
            self._add(event)

    def _add(self, event: dict[str, Any]) -> None:
        task_id = event["task_id"]
        if event["event"] == STARTED:
            self.attempts[task_id] += 1
        elif event["event"] == DIED:
            self.deaths[task_id, event["cause"]] += 1
        elif event["event"] == FAILED:
            for key in [key for key in self.deaths if key[0] == task_id]:
                del self.deaths[key]
