"""Which packs were handed to SLURM, as a file that survives every launcher."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, TypedDict

from sweep.plan.packs import Pack
from sweep.results.lines import EventReader, append_event
from sweep.results.paths import SweepDir


@dataclass(frozen=True)
class Submitted:
    """One pack in the queue."""

    pack_id: str
    task_ids: tuple[str, ...]
    name: str  # of the job, unique to its array
    task: str  # id of the task


class ListedPack(TypedDict, total=False):
    """One pack of an announcement."""

    pack_id: str
    task_ids: list[str]
    run_ids: list[str]  # in their place, as ledgers had them at first


@dataclass(frozen=True)
class Announced:
    """The array with this job name is about to be submitted, with a task for each of `packs`."""

    label: ClassVar = "announced"

    name: str
    packs: list[ListedPack]


@dataclass(frozen=True)
class Confirmed:
    """SLURM took the array, and gave its `tasks` these ids, in the order of its packs."""

    label: ClassVar = "confirmed"

    name: str
    tasks: list[str]


@dataclass(frozen=True)
class Withdrawn:
    """The array with this job name is not in the queue."""

    label: ClassVar = "withdrawn"

    name: str


@dataclass(frozen=True)
class Over:
    """Nothing of the pack is left to wait for."""

    label: ClassVar = "ended"

    pack_id: str


LedgerEvent = Announced | Confirmed | Withdrawn | Over
EVENTS: tuple[type[LedgerEvent], ...] = (Announced, Confirmed, Withdrawn, Over)


class Ledger:
    """An array is announced before sbatch is called and confirmed after it: what died in between is found again."""

    def __init__(self, sweep_dir: SweepDir) -> None:
        self._path = sweep_dir.submissions

    def announce(self, name: str, packs: Sequence[Pack]) -> None:
        listed = [ListedPack(pack_id=pack.pack_id, task_ids=[task.task_id for task in pack.tasks]) for pack in packs]
        append_event(self._path, Announced(name, listed))

    def confirm(self, name: str, tasks: Sequence[str]) -> None:
        append_event(self._path, Confirmed(name, list(tasks)))

    def withdraw(self, name: str) -> None:
        """The array of this name is not in the queue."""
        append_event(self._path, Withdrawn(name))

    def end(self, pack_id: str) -> None:
        append_event(self._path, Over(pack_id))

    def open(self) -> tuple[list[Submitted], list[str]]:
        """Returns the packs that are confirmed and not over, and the names that were announced and never confirmed."""
        announced: dict[str, list[ListedPack]] = {}
        live: dict[str, Submitted] = {}
        for event in EventReader(self._path, EVENTS).new_events():
            match event:
                case Announced():
                    announced[event.name] = event.packs
                case Withdrawn():
                    announced.pop(event.name, None)
                case Confirmed():
                    live |= {pack.pack_id: pack for pack in _submitted(event, announced.pop(event.name))}
                case Over():
                    live.pop(event.pack_id, None)
        return list(live.values()), list(announced)


def _submitted(confirmed: Confirmed, packs: Sequence[ListedPack]) -> list[Submitted]:
    return [
        Submitted(pack["pack_id"], tuple(pack.get("task_ids") or pack["run_ids"]), confirmed.name, task)
        for pack, task in zip(packs, confirmed.tasks, strict=True)
    ]
