"""Claims: of all processes of all hosts that work in a results directory, one at a time does a task.

Every process has a file of its own in the folder of claims, `worker-TOKEN`, which says who it is and holds its beat. A
claim is a hard link to it: `TASK` claims a task that nobody has, `TASK.TOKEN` takes it over from the dead claimant of
that token. A link is made by one process only, on network file systems too, and whatever another host still shows. By
`TASK.TOKEN` of its own a claimant seals its claim before it commits a row: then nobody can take it over any more, or
somebody did, and the row is dropped. So whoever was suspended for longer than its claim lasts is fenced off.

A claim goes when its row has been there for so long that every host sees it, and at once where there is none.
"""

import os
import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from sweep.config.checks import ConfigError
from sweep.results.claimant import (
    BEATS_PER_TIMEOUT,
    OVER,
    TIMEOUT_S,
    Claimant,
    Watch,
    read_claimant,
    this_process,
    write_beat,
    write_claimant,
)
from sweep.results.paths import ResultsDir

CLEAR_AFTER_S = 3600.0  # by the clock of the file system; some have one per host, and these may differ by minutes
TAKE_ATTEMPTS = 5
_WORKER = "worker-"
_SEALED = ".sealed"
_UNKNOWN = Claimant("unknown")


@dataclass(frozen=True)
class Claim:
    """The one who has a task now."""

    task_id: str
    holder: Claimant
    file: Path  # the link that holds it
    successor: Path  # the link that takes it over


def claim_on(folder: Path, task_id: str) -> Claim | None:
    """The claim on a task as far as this host sees it: from the first claimant over those who took it over."""
    file = folder / task_id
    holder = read_claimant(file)
    while holder is not None:
        successor = folder / f"{task_id}.{holder.token}"
        heir = read_claimant(successor)
        if heir is not None and heir.token == holder.token:
            file, successor = successor, folder / f"{successor.name}{_SEALED}"
            heir = read_claimant(successor)
        if heir is None:
            return Claim(task_id, holder, file, successor)
        file, holder = successor, heir
    return None


def check_claims(results: ResultsDir) -> None:
    """Raises `ConfigError` where no claims can be made in `results`."""
    claims = Claims(results, TIMEOUT_S, sweep_id="")
    try:
        claims.announce()
        claims.try_link()
        claims.close()
    except OSError as error:
        raise ConfigError(
            f"results_dir={results.path}: no claim on a run can be made in {results.claims} ({error}); this needs a "
            f"folder that you can write, with room, and a file system with hard links"
        ) from error


def claims_on(results: ResultsDir, task_ids: Collection[str]) -> dict[str, Claimant]:
    """Returns the claimant of each of these tasks, but for processes that are known to be gone."""
    if not results.claims.is_dir():
        return {}
    claimed = set(task_ids) & {path.name for path in results.claims.iterdir()}
    found = (claim_on(results.claims, task_id) for task_id in sorted(claimed))
    return {claim.task_id: claim.holder for claim in found if claim is not None and not claim.holder.is_gone()}


class Claims:
    """The claims of one process, which beats while this context is open."""

    def __init__(
        self, results: ResultsDir, timeout_s: float, sweep_id: str, pack_id: str = "", job_id: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        """`clock` is in seconds, from any start."""
        self.own = this_process(sweep_id, pack_id, job_id, timeout_s)
        self._folder, self._clock = results.claims, clock
        self._watch = Watch(clock)
        self._held: dict[str, Path] = {}  # by task id: the link that holds it
        self._lost: set[str] = set()
        self._leaving: dict[Path, float] = {}  # links of what was given back: when they go, in this order
        self._beats, self._beaten = 0, clock()
        self._over, self._heart = threading.Event(), threading.Thread(target=self._keep_beating, daemon=True)

    def announce(self) -> None:
        """Makes the file of this process. Raises OSError where claims cannot be written."""
        self._folder.mkdir(parents=True, exist_ok=True)
        write_claimant(self._file, self.own)

    @property
    def _file(self) -> Path:
        return self._folder / f"{_WORKER}{self.own.token}"

    def try_link(self) -> None:
        """Raises OSError where there are no hard links."""
        link = self._folder / f"{self._file.name}-link"
        os.link(self._file, link)
        link.unlink()

    def __enter__(self) -> Self:
        self.announce()
        self._heart.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._over.set()
        self._heart.join()
        self.close()

    def close(self) -> None:
        """Releases what is held. Claims on tasks whose rows are new stay, as those of a process that is over."""
        for task_id in list(self._held):
            self.release(task_id)
        with suppress(OSError):
            write_beat(self._file, OVER)
            self._file.unlink()

    def _keep_beating(self) -> None:
        while not self._over.wait(self.own.timeout_s / BEATS_PER_TIMEOUT):
            with suppress(OSError):  # a full disk or an absent server is no reason to stop: sealing will tell
                self.beat()

    def beat(self) -> None:
        """Shows that this process lives; after a long silence it looks which of its claims are lost."""
        silent_s, self._beaten = self._clock() - self._beaten, self._clock()
        self._beats += 1
        write_beat(self._file, str(self._beats))
        if silent_s >= self.own.timeout_s / 2:
            self._lost |= {task_id for task_id in list(self._held) if not self._still_holds(task_id)}
        for link, due in list(self._leaving.items()):
            if due > self._clock():
                break
            link.unlink(missing_ok=True)
            del self._leaving[link]

    def _still_holds(self, task_id: str) -> bool:
        claim = claim_on(self._folder, task_id)
        return claim is not None and claim.holder.token == self.own.token

    def holder_of(self, task_id: str) -> Claimant:
        """Returns who has a task now, as far as this host sees it."""
        claim = claim_on(self._folder, task_id)
        return _UNKNOWN if claim is None else claim.holder

    def has_lost(self, task_id: str) -> bool:
        """Tells if somebody took over the claim on a task, as far as this process has noticed: it may stop."""
        return task_id in self._lost

    def take(self, task_id: str) -> Claimant | None:
        """Claims a task that nobody has, or a dead process. Returns None where that was done, otherwise who has it.

        That is this process itself for a while after it gave the task back. What it lost it never gets back.
        """
        if task_id in self._held:
            return None
        if task_id in self._lost:
            return self.holder_of(task_id)
        if self._seal_of(task_id) in self._leaving:
            return self.own
        for _ in range(TAKE_ATTEMPTS):
            holder = self._take_once(task_id)
            if holder is not _UNKNOWN:
                break
        return holder

    def _take_once(self, task_id: str) -> Claimant | None:
        """As `take`; unknown where a file system that lags does not show what it holds, or somebody was faster."""
        if self._link(self._folder / task_id):
            self._held[task_id] = self._folder / task_id
            return None
        claim = claim_on(self._folder, task_id)
        if claim is None:
            return _UNKNOWN
        if claim.holder.token == self.own.token:  # the link was made, and the answer was lost
            self._held[task_id] = claim.file
            return None
        if not self._watch.is_dead(claim.holder):
            return claim.holder
        return None if self._take_over(claim) else _UNKNOWN

    def clear(self, task_id: str) -> Claimant | None:
        """Frees a task of a dead claimant. Returns None where nobody has it now, otherwise who does."""
        claim = claim_on(self._folder, task_id)
        if claim is None:
            return None
        has_given_back = self._seal_of(task_id) in self._leaving
        if has_given_back or not (self._watch.is_dead(claim.holder) and self._take_over(claim)):
            return claim.holder
        self.release(task_id)
        return None

    def _take_over(self, claim: Claim) -> bool:
        """Only one process makes the link. Where the task was given back since the claim was read, it is void."""
        if not self._link(claim.successor) and not self._is_own(claim.successor):
            return False
        if not self._still_holds(claim.task_id):
            claim.successor.unlink(missing_ok=True)
            return False
        self._held[claim.task_id] = claim.successor
        return True

    def _link(self, link: Path) -> bool:
        """Makes `link`, unless it is there; a network file system may have made it, too, and not have said so."""
        try:
            os.link(self._file, link)
        except FileExistsError:
            return False
        except FileNotFoundError:  # this process was silent for so long that its file was cleared up
            return False
        return True

    def _is_own(self, link: Path) -> bool:
        claimant = read_claimant(link)
        return claimant is not None and claimant.token == self.own.token

    def seal(self, task_id: str) -> bool:
        """Tells before a row is committed if the task is still this process's, which from now on nobody can change."""
        seal = self._seal_of(task_id)
        if (self._link(seal) or self._is_own(seal)) and self._is_own(self._held[task_id]):
            return True
        self._lost.add(task_id)
        return False

    def _seal_of(self, task_id: str) -> Path:
        return self._folder / f"{task_id}.{self.own.token}"

    def release(self, task_id: str, *, committed: bool = False) -> None:
        """Gives a task back: at once, or with `committed` (and sealed) when every host sees its row.

        The seal always stays for that time: whoever read the claim before must not be able to take it over.
        """
        if task_id in self._held and (committed or self.seal(task_id)):
            due, first = self._clock() + self.own.timeout_s, self._folder / task_id
            if committed:
                self._leaving[first] = due
            else:
                first.unlink(missing_ok=True)
            self._leaving[self._seal_of(task_id)] = due
        self._held.pop(task_id, None)

    def clear_up(self) -> None:
        """Removes what processes left that have not been heard of for an hour, by the clock of the file system."""
        self.beat()
        before = self._file.stat().st_mtime - CLEAR_AFTER_S
        with os.scandir(self._folder) as entries:
            old = {entry.name for entry in entries if _is_older(entry, before)}
        for name in sorted(old):
            task_id, dot, _ = name.partition(".")
            if name.startswith(_WORKER) or (dot and not (self._folder / task_id).exists()):
                (self._folder / name).unlink(missing_ok=True)
            elif not dot:
                self._clear_old(name, before)

    def _clear_old(self, task_id: str, before: float) -> None:
        claim = claim_on(self._folder, task_id)
        with suppress(FileNotFoundError):
            if claim is not None and claim.file.stat().st_mtime < before and self._take_over(claim):
                self.release(task_id)


def _is_older(entry: "os.DirEntry[str]", before: float) -> bool:
    try:
        return entry.stat().st_mtime < before
    except FileNotFoundError:
        return False
