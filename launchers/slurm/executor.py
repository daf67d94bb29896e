"""Packs in SLURM's queue: submitted as arrays through submitit, watched by squeue."""

import dataclasses
import shlex
import time
import uuid
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from submitit.core.utils import FailedJobError

from launchers.plan_launcher import Ended
from launchers.slurm import commands, endings
from launchers.slurm.answers import SharedAnswer
from launchers.slurm.commands import ClusterUnavailable, Refused, SubmitLimit
from launchers.slurm.ledger import Ledger, Submitted
from launchers.slurm.queue import cancel, find, in_ranges
from launchers.slurm.submission import TaskExecutor
from launchers.slurm.task import work_on_task
from launchers.slurm.watch import Watch
from sweep.config.checks import ConfigError
from sweep.plan.packs import Pack, Task
from sweep.results.paths import SweepDir
from sweep.terminal import shell_command
from sweep.worker.environment import environment, worker_environment

_SHARE_OF_POLL = 0.8  # an answer this old is used, of the time between two looks: ours is a new one each time

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
        self._watch = Watch(poll_s, SharedAnswer(sweep_dir.results, _SHARE_OF_POLL * poll_s).states)
        self._leaving: list[Submitted] = []  # tasks that SLURM showed alive when nothing of their packs was left
        self._verdicts: dict[str, Ended] = {}  # by pack: of tasks that are over, before they are seen to be gone
        self._withdrawn: set[str] = set()  # names whose arrays may still appear
        self._polled = 0.0
        self._ended: list[Ended] = []
        self._trouble = ""

    def attach(self, tasks: Mapping[str, Task], make_pack: PackMaker) -> list[Pack]:
        """The packs that are in the queue, with those of their runs that are in `tasks`.

        An array whose submission was never confirmed is ended: nobody knows its tasks.
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
        self._drop_cancelled()
        return list(self._packs.values())

    def _drop_cancelled(self) -> None:
        """What was cancelled while no launcher looked is submitted anew: whoever asks for it now did so later."""
        try:
            self._watch.look(self._submitted.values())
        except (ClusterUnavailable, Refused) as error:
            self._trouble = f"SLURM does not answer: {error}"
            return
        for entry in list(self._submitted.values()):
            found = self._watch.state(entry)
            if found and found.state == "CANCELLED":
                self.finish(self._packs[entry.pack_id])

    def submit(self, packs: Sequence[Pack]) -> None:
        limits = {"time_limit_s": self._limits.time_min * 60.0, "warning_s": float(self._limits.signal_delay_s)}
        self._waiting += [dataclasses.replace(pack, **limits) for pack in packs]  # type: ignore[arg-type]
        self._submit_waiting()

    @property
    def in_queue(self) -> int:
        """Packs that SLURM has."""
        return len(self._submitted)

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
        """Ends arrays of which nobody knows whether they reached SLURM; False where they are not seen to be gone."""
        _, unsure = self._ledger.open()
        for name in unsure:
            try:
                cancel(find(name))
                left = find(name)
            except ClusterUnavailable as error:
                self._trouble = f"SLURM does not answer: {error}"
                return False
            if left:
                self._trouble = f"an earlier submission of these runs is still ending: {', '.join(left)}"
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
        executor = TaskExecutor(folder=folder)
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
        try:
            self._watch.look(self._submitted.values())
            for name in self._withdrawn:
                cancel(find(name))
            self._trouble = ""
            self._submit_waiting()
            self._ended = self._gone()
        except (ClusterUnavailable, Refused) as error:
            self._trouble = f"SLURM does not answer: {str(error).splitlines()[-1]}"

    def ended(self) -> list[Ended]:
        return self._ended

    def _gone(self) -> list[Ended]:
        """Packs whose tasks are over. What SLURM might still put back is cancelled: no pack is ever at work twice."""
        over = self._watch.over(self._submitted.values())
        for entry in over:
            if entry.pack_id not in self._verdicts:
                pack = self._packs[entry.pack_id]
                self._verdicts[entry.pack_id] = endings.ended(pack, entry.task, self._watch.ending(entry))
        return [self._verdicts[entry.pack_id] for entry in self._watch.end(over)]

    def finish(self, pack: Pack) -> None:
        self._ledger.end(pack.pack_id)
        if entry := self._submitted.get(pack.pack_id):
            found = self._watch.state(entry)
            self._leaving += [entry] if found and not found.is_over else []
            self._watch.forget(entry)
        for known in (self._packs, self._submitted, self._verdicts):
            known.pop(pack.pack_id, None)

    def summary(self) -> str:
        states = {entry.task: self._watch.state(entry) for entry in self._submitted.values()}
        counts = Counter(found.state.lower() if found else "unknown to SLURM" for found in states.values())
        held = [task for task, found in states.items() if found and found.reason.startswith("JobHeld")]
        parts = [f"{count} {state}" for state, count in counts.most_common()]
        parts += [f"{len(held)} HELD: `{shlex.join(['scontrol', 'release', *in_ranges(held)])}`"] if held else []
        parts += [f"{len(self._waiting)} packs wait for room in the queue"] if self._waiting else []
        return ", ".join([*parts, *([self._trouble] if self._trouble else [])])

    def farewell(self) -> str:
        """Says which tasks are alive although nothing is left for them to do; asks SLURM. Empty for none."""
        try:
            self._watch.look(self._leaving)
        except (ClusterUnavailable, Refused) as error:
            return f"SLURM does not answer ({error}): whether all tasks have ended is not known"
        states = {entry.task: self._watch.state(entry) for entry in self._leaving}
        alive = [task for task, found in states.items() if found and not found.is_over]
        return f"{len(alive)} tasks still end in SLURM: {', '.join(in_ranges(alive))}" if alive else ""

    def expected(self) -> str:
        """Says which tasks are in the queue, how they are, when the first that waits may start, and where logs are."""
        tasks = ", ".join(in_ranges(entry.task for entry in self._submitted.values()))
        try:
            self._watch.look(self._submitted.values())
        except (ClusterUnavailable, Refused) as error:
            return f"tasks {tasks}; SLURM does not answer: {error}"
        pending = [s for s in map(self._watch.state, self._submitted.values()) if s and s.state == "PENDING"]
        starts = sorted(state.start for state in pending if state.start[:1].isdigit())
        start = f"; the first that waits may start at {starts[0]}" if starts else ""
        unknown = "; SLURM has not said yet when they start" if pending and not starts else ""
        return f"tasks {tasks}: {self.summary()}{start}{unknown}; logs: {self._sweep_dir.logs}"

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
            cancel(entry.task for entry in self._submitted.values())
        except ClusterUnavailable as error:
            print(f"SLURM does not answer ({error}): {self.way_on()}", flush=True)
