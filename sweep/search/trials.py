"""The trials of a search on disk: what was asked, and what the rows do not say. Results are in the rows.

One JSON line per fact, appended and flushed to the disk by the one process that searches; no lock.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ASKED, NOTED, PRUNED = "asked", "noted", "pruned"


@dataclass
class AskedTrial:
    """A trial: the parameters that Optuna chose, and the run that they make."""

    run_id: str
    parameters: Mapping[str, Any]
    notes: dict[str, Any]  # what sampler and pruner keep with a trial: Optuna's system attributes


@dataclass
class Recorded:
    """All that a log holds; trials in the order in which they were asked."""

    trials: list[AskedTrial] = field(default_factory=list)
    pruned: set[str] = field(default_factory=set)  # run ids


class TrialLog:
    """Survives a kill at any moment: a line is complete, or the last one and ignored."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def asked(self, trials: Sequence[AskedTrial]) -> None:
        """A batch of new trials, before any of them is trained."""
        self._append([{"event": ASKED, **vars(trial)} for trial in trials])

    def noted(self, number: int, notes: Mapping[str, Any]) -> None:
        """New notes of the trial that was asked as the `number`-th, counted from 0."""
        self._append([{"event": NOTED, "number": number, "notes": dict(notes)}])

    def pruned(self, run_id: str) -> None:
        self._append([{"event": PRUNED, "run_id": run_id}])

    def _append(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+b") as stream:
            stream.write(self._missing_newline(stream) + b"".join(json.dumps(f).encode() + b"\n" for f in lines))
            stream.flush()
            os.fsync(stream.fileno())

    @staticmethod
    def _missing_newline(stream: Any) -> bytes:
        """Ends the line that a killed process left unfinished."""
        if stream.seek(0, os.SEEK_END) == 0:
            return b""
        stream.seek(-1, os.SEEK_END)
        return b"" if stream.read(1) == b"\n" else b"\n"

    def read(self) -> Recorded:
        recorded = Recorded()
        for line in self._path.read_bytes().splitlines() if self._path.exists() else []:
            try:
                fact = json.loads(line)
            except ValueError:  # of a process that was killed while it wrote
                continue
            if fact["event"] == ASKED:
                recorded.trials.append(AskedTrial(fact["run_id"], fact["parameters"], fact["notes"]))
            elif fact["event"] == NOTED:
                recorded.trials[fact["number"]].notes |= fact["notes"]
            else:
                recorded.pruned.add(fact["run_id"])
        return recorded
