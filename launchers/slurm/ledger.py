"""Which packs were handed to SLURM, as a file that survives every launcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sweep.plan.packs import Pack
from sweep.results.journal import JournalReader, append_line
from sweep.results.paths import SweepDir


@dataclass(frozen=True)
class Submitted:
    """One pack in the queue."""

    pack_id: str
    task_ids: tuple[str, ...]
    name: str  # of the job, unique to its array
    task: str  # id of the task

    @property
    def key(self) -> tuple[str, str]:
        return self.name, self.task


class Ledger:
    """An array is announced before sbatch is called and confirmed after it: what died in between is found again."""

    def __init__(self, sweep_dir: SweepDir) -> None:
        self._path = sweep_dir.submissions

    def announce(self, name: str, packs: Sequence[Pack]) -> None:
        listed = [{"pack_id": p.pack_id, "task_ids": [t.task_id for t in p.tasks]} for p in packs]
        append_line(self._path, {"event": "announced", "name": name, "packs": listed})

    def confirm(self, name: str, tasks: Sequence[str]) -> None:
        append_line(self._path, {"event": "confirmed", "name": name, "tasks": list(tasks)})

    def withdraw(self, name: str) -> None:
        """The array of this name is not in the queue."""
        append_line(self._path, {"event": "withdrawn", "name": name})

    def end(self, pack_id: str) -> None:
        append_line(self._path, {"event": "ended", "pack_id": pack_id})

    def names(self) -> list[str]:
        """Of every array that may be in the queue."""
        live, unsure = self.open()
        return list(dict.fromkeys([*(pack.name for pack in live), *unsure]))

    def open(self) -> tuple[list[Submitted], list[str]]:
        """Packs that are confirmed and have not ended, and names that were announced and never confirmed."""
        announced: dict[str, list[dict[str, Any]]] = {}
        live: dict[str, Submitted] = {}
        for event in JournalReader(self._path).new_events():
            if event["event"] == "announced":
                announced[event["name"]] = event["packs"]
            elif event["event"] == "withdrawn":
                announced.pop(event["name"], None)
            elif event["event"] == "confirmed":
                packs = announced.pop(event["name"])
                for pack, task in zip(packs, event["tasks"], strict=True):
                    ids = pack.get("task_ids") or pack["run_ids"]  # the latter as ledgers had them at first
                    live[pack["pack_id"]] = Submitted(pack["pack_id"], tuple(ids), event["name"], task)
            elif event["event"] == "ended":
                live.pop(event["pack_id"], None)
        return list(live.values()), list(announced)
