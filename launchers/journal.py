"""What workers did, one line of JSON per event, one file per pack: who else but its worker writes to it?"""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

STARTED, STOPPED, EPOCH, PRUNED = "started", "stopped", "epoch", "pruned"
ENDED = ("finished", "diverged", "failed", PRUNED)  # the others are the status of the row


def journal_path(sweep_dir: Path, pack_id: str) -> Path:
    return sweep_dir / "journal" / f"{pack_id}.jsonl"


def record(path: Path, event: str, run_id: str, **details: Any) -> None:
    """Appends one event in one write, so that a killed worker leaves at most its last line unfinished."""
    line = json.dumps({"event": event, "run_id": run_id, "at": time.time(), "pid": os.getpid(), **details})
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as stream:
        stream.write(line + "\n")


class JournalReader:
    """Events of one journal that were not returned before."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._position = 0

    def new_events(self) -> list[dict[str, Any]]:
        if not self._path.exists():
            return []
        with self._path.open("rb") as stream:
            stream.seek(self._position)
            lines = stream.read()
        complete = lines[: lines.rfind(b"\n") + 1]
        self._position += len(complete)
        return [json.loads(line) for line in complete.splitlines()]


def count_attempts(results_dir: Path) -> Counter[str]:
    """How often each run was started, by any sweep of this results directory."""
    attempts: Counter[str] = Counter()
    for path in results_dir.glob("sweeps/*/journal/*.jsonl"):
        events = JournalReader(path).new_events()
        attempts.update(event["run_id"] for event in events if event["event"] == STARTED)
    return attempts
