"""Packs in SLURM's queue: submitted as arrays through submitit, watched by squeue."""

import dataclasses
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import submitit
from submitit.core.utils import FailedJobError

from launchers.plan_launcher import Ended
from launchers.slurm import commands
from launchers.slurm.commands import ClusterUnavailable, Refused, SubmitLimit, TaskState
from launchers.slurm.ledger import Ledger, Submitted
from launchers.slurm.task import work_on_task
from sweep.config.checks import ConfigError
from sweep.plan.packs import Pack, Task
from sweep.results.events import Stopped
from sweep.results.journal import JournalReader
from sweep.results.paths import SweepDir
from sweep.terminal import shell_command
from sweep.worker.causes import CANCELLED, CRASHED, KILLED, NODE_LOST, OUT_OF_MEMORY, PREEMPTED, TIMED_OUT
from sweep.worker.crashes import crash_signal
from sweep.worker.environment import environment, worker_environment

# States of tasks that are over. What SLURM requeues is in some of them for seconds.
_OVER = {
    "COMPLETED": KILLED,
    "FAILED": KILLED,
    "CANCELLED": CANCELLED,
    "TIMEOUT": TIMED_OUT,
    "DEADLINE": TIMED_OUT,
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    "NODE_FAIL": NODE_LOST,
    "BOOT_FAIL": NODE_LOST,
    "PREEMPTED": PREEMPTED,
}
_REQUEUED_AFTER_S = 15.0  # a task in another state than these two for so long, or missing, is over
_SURE = ("CANCELLED", "TIMEOUT", "OUT_OF_MEMORY", "DEADLINE")
_OOM_MARKS = ("oom-kill", "oom_kill", "memory limit", "Out Of Memory")
_LOG_TAIL_BYTES = 20_000

PackMaker = Callable[[str, tuple[Task, ...]], Pack]  # of a pack's id and its tasks


@dataclasses.dataclass
class Limits:
    """The limits of the queue, in tasks, and of one task in minutes and seconds."""

    array_size: int  # tasks in one array
    max_tasks: int  # of one sweep in the queue at a time
    time_min: int  # of one task
    signal_delay_s: int  # before it, SIGUSR2


class SlurmExecutor:
    """The packs of one sweep in the queue."""

    def __init__(self, sweep_dir: SweepDir, parameters: Mapping[str, Any], limits: Limits, poll_s: float) -> None:
        self._sweep_dir, self._parameters = sweep_dir, dict(parameters)
        self._limits, self._poll_s = limits, poll_s
        self._found_limit = limits.max_tasks  # by a refusal, where the cluster does not tell
        self._ledger = Ledger(sweep_dir)
        self._waiting: deque[Pack] = deque()
        self._packs: dict[str, Pack] = {}
        self._submitted: dict[str, Submitted] = {}
        self._over_since: dict[str, float] = {}
        self._states: dict[tuple[str, str], TaskState] = {}
        self._withdrawn: set[str] = set()  # names whose arrays may still appear
        self._polled = 0.0
        self._ended: list[Ended] = []
        self._trouble = ""

    def attach(self, tasks: Mapping[str, Task], make_pack: PackMaker) -> list[Pack]:
        """The packs that are in the queue, with those of their runs that are in `tasks`.

        An array whose submission was never confirmed is cancelled: nobody knows its tasks.
        """
        live, _ = self._ledger.open()
        self._cancel_unsure()
        for entry in live:
            left = tuple(tasks[task_id] for task_id in entry.task_ids if task_id in tasks)
            if left:
                self._packs[entry.pack_id] = make_pack(entry.pack_id, left)
                self._submitted[entry.pack_id] = entry
            else:
                self._ledger.end(entry.pack_id)
        return list(self._packs.values())

    def submit(self, packs: Sequence[Pack]) -> None:
        limits = {"time_limit_s": self._limits.time_min * 60.0, "warning_s": float(self._limits.signal_delay_s)}
        self._waiting += [dataclasses.replace(pack, **limits) for pack in packs]  # type: ignore[arg-type]
        self._submit_waiting()

    @property
    def waiting(self) -> int:
        """Packs for which the queue had no room."""
        return len(self._waiting)

    def _submit_waiting(self) -> None:
        """As arrays, each as large as SLURM takes it, until the queue is full."""
        array_size = self._limits.array_size
        while self._waiting and self._cancel_unsure():
            room = min(self._limits.max_tasks, self._found_limit) - len(self._submitted)
            count = min(len(self._waiting), room, array_size)
            if count < 1:
                return
            packs = [self._waiting.popleft() for _ in range(count)]
            try:
                self._submit_array(packs)
            except (SubmitLimit, ClusterUnavailable) as error:
                self._waiting.extendleft(reversed(packs))
                if isinstance(error, SubmitLimit) and count > 1:
                    array_size = count // 2  # the whole array is refused: try a smaller one
                    continue
                if isinstance(error, SubmitLimit):
                    self._found_limit = max(1, len(self._submitted))  # asked again when a task has ended
                self._trouble = str(error).splitlines()[-1]
                return
            self._found_limit += count  # there was room: there may be more
            self._trouble = ""

    def _cancel_unsure(self) -> bool:
        """Cancels arrays of which nobody knows whether they reached SLURM; False where it does not answer."""
        _, unsure = self._ledger.open()
        for name in unsure:
            try:
                commands.cancel([name])
            except ClusterUnavailable as error:
                self._trouble = f"SLURM does not answer: {error}"
                return False
            self._ledger.withdraw(name)
            self._withdrawn.add(name)
        return True

    def _submit_array(self, packs: list[Pack]) -> None:
        """Raises `ConfigError` where SLURM will never take it."""
        name = f"qsweep-{self._sweep_dir.sweep_id}-{uuid.uuid4().hex[:8]}"
        self._ledger.announce(name, packs)
        folder = self._sweep_dir.logs
        before = set(folder.glob("*.pkl"))
        try:
            tasks = self._sbatch(name, packs, folder)
        except Exception as error:
            self._clean_up(name, error, set(folder.glob("*.pkl")) - before)
            if isinstance(error, Refused):
                raise ConfigError(f"SLURM refused the job: {error}") from error
            raise
        self._ledger.confirm(name, tasks)
        for pack, task in zip(packs, tasks, strict=True):
            self._packs[pack.pack_id] = pack
            task_ids = tuple(each.task_id for each in pack.tasks)
            self._submitted[pack.pack_id] = Submitted(pack.pack_id, task_ids, name, task)

    def _sbatch(self, name: str, packs: list[Pack], folder: Path) -> list[str]:
        executor = submitit.SlurmExecutor(folder=folder)
        executor.update_parameters(**self._parameters, job_name=name, comment=name)
        project = Path(packs[0].project)  # one for all packs of a launch
        with environment(worker_environment(commands.clean_environment(), project)):
            try:
                with executor.batch():
                    jobs = [executor.submit(work_on_task, pack) for pack in packs]
            except FailedJobError as error:
                raise commands.error_of(str(error)) from error
        return [job.job_id for job in jobs]

    def _clean_up(self, name: str, error: Exception, pickles: set[Path]) -> None:
        """After a failed sbatch. Where SLURM did not answer it may be queued all the same, and stays unsure."""
        if not isinstance(error, ClusterUnavailable):
            self._ledger.withdraw(name)
        for pickle in pickles:
            pickle.unlink(missing_ok=True)

    def advance(self) -> None:
        self._ended = []
        if time.monotonic() - self._polled < self._poll_s:
            return
        self._polled = time.monotonic()
        if self._look_at_queue():
            self._submit_waiting()
            self._note_over()
            self._ended = [self._end_of(self._packs[pack_id]) for pack_id in self._submitted if self._is_over(pack_id)]

    def ended(self) -> list[Ended]:
        return self._ended

    def _end_of(self, pack: Pack) -> Ended:
        cause, log = self._cause(pack), self._log(pack)
        signal = ""
        if cause == KILLED:  # the log tells; SLURM does where it was lost
            signal = crash_signal(log) or commands.crash_signal(self._submitted[pack.pack_id].task)
        return Ended(pack, CRASHED if signal else cause, log, signal)

    def _look_at_queue(self) -> bool:
        """Returns whether SLURM said how its tasks are; what appears late of a withdrawn array is cancelled."""
        names = sorted({entry.name for entry in self._submitted.values()} | self._withdrawn)
        try:
            self._states = commands.queue(names) if names else {}
            self._cancel_late()
        except (ClusterUnavailable, Refused) as error:
            self._trouble = f"SLURM does not answer: {str(error).splitlines()[-1]}"
            return False
        self._trouble = ""
        return True

    def _cancel_late(self) -> None:
        states = self._states.items()
        late = {name for (name, _), task in states if name in self._withdrawn and task.state not in _OVER}
        commands.cancel(sorted(late))

    def _note_over(self) -> None:
        """Since when the task of each pack is over, or gone."""
        for pack_id, entry in self._submitted.items():
            found = self._states.get(entry.key)
            if found is None or found.state in _OVER:
                self._over_since.setdefault(pack_id, time.monotonic())
            else:
                self._over_since.pop(pack_id, None)

    def _is_over(self, pack_id: str) -> bool:
        """Whether its task has been over, or gone, at this poll and long enough before."""
        if pack_id not in self._over_since:
            return False
        found = self._states.get(self._submitted[pack_id].key)
        sure = found is not None and found.state in _SURE
        return time.monotonic() - self._over_since[pack_id] >= (self._poll_s if sure else _REQUEUED_AFTER_S)

    def _cause(self, pack: Pack) -> str:
        entry = self._submitted[pack.pack_id]
        found = self._states.get(entry.key)
        cause = _OVER[found.state] if found else KILLED
        if cause != KILLED:
            return cause
        if any(mark in self._log_tail(pack) for mark in _OOM_MARKS) or commands.was_out_of_memory(entry.task):
            return OUT_OF_MEMORY
        events = JournalReader(pack.journal).new_events()
        return TIMED_OUT if events and isinstance(events[-1], Stopped) else KILLED

    def _log(self, pack: Pack) -> Path:
        return self._sweep_dir.logs / f"{self._submitted[pack.pack_id].task}_0_log.out"

    def _log_tail(self, pack: Pack) -> str:
        log = self._log(pack)
        return log.read_bytes()[-_LOG_TAIL_BYTES:].decode(errors="replace") if log.exists() else ""

    def finish(self, pack: Pack) -> None:
        self._ledger.end(pack.pack_id)
        for known in (self._packs, self._submitted, self._over_since):
            known.pop(pack.pack_id, None)

    def summary(self) -> str:
        states = (self._states.get(entry.key) for entry in self._submitted.values())
        counts = Counter(found.state.lower() for found in states if found is not None)
        held = sum(found.reason.startswith("JobHeld") for found in self._states.values())
        parts = [f"{count} {state}" for state, count in counts.most_common()]
        parts += [f"{held} HELD: `scontrol release` them"] if held else []
        parts += [f"{len(self._waiting)} packs wait for room in the queue"] if self._waiting else []
        return ", ".join([*parts, *([self._trouble] if self._trouble else [])])

    def interrupt(self) -> None:
        """Leaves the tasks in the queue."""

    def way_on(self) -> str:
        results_dir = self._sweep_dir.results.path
        status = shell_command("sweep.status", results_dir=results_dir)
        cancel = shell_command("sweep.cancel", results_dir=results_dir, sweep=self._sweep_dir.sweep_id)
        kept = f"{len(self._submitted)} tasks stay in SLURM's queue"
        return f"{kept}. The same command follows them again; `{status}` shows them; `{cancel}` ends them."

    def stop(self) -> None:
        try:
            commands.cancel(sorted({entry.name for entry in self._submitted.values()}))
        except ClusterUnavailable as error:
            print(f"SLURM does not answer ({error}): {self.way_on()}", flush=True)
