"""Who holds a claim: one process of one host, and whether it is still there.

Clocks of hosts differ by minutes and file systems show things late, so no time of one host is compared with that of
another: who watches a claimant measures by a clock of its own how long its beat has stood still.
"""

import dataclasses
import json
import math
import os
import platform
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

TIMEOUT_S = 120.0  # attribute caches of NFS show a change after 60 s at most
BEATS_PER_TIMEOUT = 6
OVER = "over"  # the beat of a process that ended well
_BEAT_CHARS = 12


@dataclass(frozen=True)
class Claimant:
    """A process that claims tasks, as its file says; `beat` changes for as long as it lives, or is `OVER`."""

    token: str  # names the process; no other has it
    sweep_id: str = ""
    pack_id: str = ""
    host: str = ""
    machine: str = ""  # where processes see each other by their numbers; empty where that is not known
    pid: int = 0
    process_started: str = ""  # in ticks of the machine: a number may be given again
    job_id: str = ""  # the scheduler's id, if there is one
    timeout_s: float = TIMEOUT_S  # a beat that stands still for so long is that of a dead process
    beat: str = ""

    def is_gone(self) -> bool:
        """Tells if the process has ended, where this can be known at once: on the same machine."""
        if not self.machine or self.machine != this_machine():
            return False
        return self.beat == OVER or not _is_running(self.pid, self.process_started)

    def in_words(self) -> str:
        job = f"job {self.job_id}" if self.job_id else f"process {self.pid}"
        return f"sweep {self.sweep_id or 'unknown'}, {job} on {self.host or 'another host'}"


def this_process(sweep_id: str, pack_id: str, job_id: str, timeout_s: float) -> Claimant:
    pid = os.getpid()
    return Claimant(
        uuid.uuid4().hex, sweep_id, pack_id, platform.node(), this_machine(), pid, _start_of(pid), job_id, timeout_s
    )


@dataclass
class Watch:
    """Tells by the clock of this process which claimants are dead; `clock` is in seconds, from any start."""

    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict)  # by token: the beat, and since when it stands

    def is_dead(self, claimant: Claimant) -> bool:
        """Tells if its process is gone, or its beat, read again and again, has not changed for its `timeout_s`."""
        beat, since = self._seen.setdefault(claimant.token, (claimant.beat, self.clock()))
        if beat != claimant.beat:
            self._seen[claimant.token] = (claimant.beat, self.clock())
            return claimant.is_gone()
        return claimant.is_gone() or self.clock() - since >= claimant.timeout_s


def write_claimant(file: Path, claimant: Claimant) -> None:
    """The file is the process's own; its last line, which `write_beat` replaces, always has the same length."""
    own = dataclasses.asdict(claimant)
    del own["beat"]
    with file.open("x") as stream:
        stream.write(f"{json.dumps(own)}\n{claimant.beat:>{_BEAT_CHARS}}\n")
        os.fchmod(stream.fileno(), file.parent.stat().st_mode & 0o666)  # for whom the folder is, whatever the umask
        stream.flush()
        os.fsync(stream.fileno())  # else it may be empty after a power cut, and nobody knows whose it was


def write_beat(file: Path, beat: str) -> None:
    """Replaces the last line in place, which takes no room on a full disk; closing it sends it over a network."""
    with file.open("r+b") as stream:
        stream.seek(-_BEAT_CHARS - 1, os.SEEK_END)
        stream.write(f"{beat:>{_BEAT_CHARS}}".encode())


def read_claimant(file: Path) -> Claimant | None:
    """Opened anew, which asks a network file system for what is there now; None where there is no such file.

    A file of another user that cannot be read is of somebody who never dies; a damaged one of somebody unknown, who is
    dead after the usual time.
    """
    try:
        with file.open() as stream:
            inode, lines = os.fstat(stream.fileno()).st_ino, stream.read().splitlines()
    except PermissionError:
        return Claimant("unreadable", timeout_s=math.inf)
    except OSError:  # NFS also says that what was removed meanwhile is stale
        return None
    try:
        return Claimant(**json.loads(lines[0]), beat=lines[1].strip())
    except (ValueError, TypeError, IndexError):
        return Claimant(f"damaged-{inode}")


@cache
def this_machine() -> str:
    """One boot of one kernel and one namespace of process numbers; empty where the system does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_running(pid: int, started: str) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # another user's
    return _start_of(pid) in ("", started)


_ZOMBIE = "Z"


def _start_of(pid: int) -> str:
    """When a process started; empty where the system hides it, and other than any time where it has ended."""
    try:
        state, *others = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return _ZOMBIE if state == _ZOMBIE else others[18]
