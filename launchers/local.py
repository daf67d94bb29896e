"""The local launcher: packs of runs in worker processes on this machine, by submitit's local executor."""

import dataclasses
import os
import shlex
import signal
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import submitit

from launchers.launch import Launch
from launchers.plan_launcher import Device, Ended, Listener, PlanLauncher
from launchers.progress import Tally
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.journal import JournalReader
from sweep.results.paths import SweepDir
from sweep.worker.causes import CRASHED, KILLED
from sweep.worker.crashes import crash_signal
from sweep.worker.environment import JOB_ID, environment, worker_environment
from sweep.worker.hardware import check_cuda, cores, visible_gpus
from sweep.worker.job import work_on

POLL_S = 0.2
STOP_S = 120.0  # a worker that was asked to stop saves a checkpoint; after this long it is killed
WORKER_TIMEOUT_MIN = 60 * 24 * 365


class LocalLauncher(PlanLauncher):
    """Has workers on this machine: one per GPU, or per `threads` cores, times `processes_per_run`."""

    def check(self, settings: Settings) -> None:
        if not settings.wait:
            raise ConfigError("wait=false: local workers end with their launcher; only hydra/launcher=slurm can detach")

    def device(self, settings: Settings) -> Device:
        gpus = visible_gpus()
        if settings.device == "cuda" and not gpus:
            raise ConfigError("device=cuda: no NVIDIA GPU is visible; device=cpu or device=auto trains without")
        if gpus and settings.device != "cpu" and settings.processes_per_run > len(gpus):
            raise ConfigError(
                f"processes_per_run={settings.processes_per_run}: each needs a GPU of its own, and {len(gpus)} are "
                f"visible"
            )
        return "cuda" if gpus and settings.device != "cpu" else "cpu"

    def workers(self, settings: Settings) -> int:
        if settings.workers:
            return settings.workers
        slots = len(visible_gpus()) if self.device(settings) == "cuda" else cores() // settings.threads
        return max(1, slots // settings.processes_per_run)

    def describe(self, tasks: Sequence[Task], settings: Settings) -> list[str]:
        own = f"{settings.threads} threads" if settings.device == "cpu" else "a GPU"
        each = f"{settings.processes_per_run} processes with {own} each" if settings.processes_per_run > 1 else own
        return [f"on this machine: {self.workers(settings)} workers at a time, each with {each}"]

    def launch_tasks(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        sweep_dir: SweepDir,
        project: Path,
        listener: Listener | None = None,
        elsewhere: Sequence[Task] = (),
    ) -> Tally:
        if settings.device == "cuda":
            check_cuda()
        workers = self.workers(settings)
        executor = LocalExecutor(workers, settings)
        launch = Launch(tasks, settings, sweep_dir, project, workers, executor, listener, elsewhere)
        launch.submit(tasks)
        return launch.follow()


class LocalExecutor:
    """A process per pack, at most `slots` at a time."""

    def __init__(self, slots: int, settings: Settings) -> None:
        self._gpus = visible_gpus() if settings.device == "cuda" else []
        self._gpus_each = settings.processes_per_run
        self._free = list(range(slots))
        self._waiting: deque[Pack] = deque()
        self._processes: dict[int, _Process] = {}  # by slot
        self._ended: list[Ended] = []

    def submit(self, packs: Sequence[Pack]) -> None:
        self._waiting += packs

    def advance(self) -> None:
        over = {slot: process for slot, process in self._processes.items() if process.is_over}
        self._ended = [_end_of(process) for process in over.values()]
        for slot in over:
            del self._processes[slot]
            self._free.append(slot)
        while self._free and self._waiting:
            slot = self._free.pop()
            self._processes[slot] = _Process(self._waiting.popleft(), self._gpus_of(slot))

    def ended(self) -> list[Ended]:
        return self._ended

    def _gpus_of(self, slot: int) -> tuple[int, ...]:
        if not self._gpus:
            return ()
        return tuple(self._gpus[(slot * self._gpus_each + i) % len(self._gpus)] for i in range(self._gpus_each))

    def finish(self, pack: Pack) -> None:
        """A worker ends by itself after its last run."""

    def summary(self) -> str:
        return ""

    def interrupt(self) -> None:
        print("\nstopping: workers save their checkpoints (Ctrl-C again kills them)", flush=True)
        self.stop()

    def way_on(self) -> str:
        return "stopped. The same command goes on where this one was; finished runs are not trained again."

    def stop(self) -> None:
        """Waits for the checkpoints; kills what is left after STOP_S or at a second Ctrl-C."""
        deadline = time.monotonic() + STOP_S
        for process in self._processes.values():
            process.ask_to_stop()
        try:
            while time.monotonic() < deadline and not all(process.is_over for process in self._processes.values()):
                time.sleep(POLL_S)
        finally:
            for process in self._processes.values():
                process.kill()


def work_locally(pack: Pack) -> None:
    """Does the tasks of `pack` in this worker, which submitit started; exits as `work_on` does."""
    os.environ[JOB_ID] = os.environ["SUBMITIT_LOCAL_JOB_ID"]
    work_on(pack)


class _WorkerExecutor(submitit.LocalExecutor):
    @property
    def _submitit_command_str(self) -> str:
        return f"{self.python} -u -m launchers.start {shlex.quote(str(self.folder))}"


class _Process:
    """The worker of one pack."""

    def __init__(self, pack: Pack, gpus: tuple[int, ...]) -> None:
        self.pack = pack
        executor = _WorkerExecutor(folder=pack.sweep.logs)
        own = {"gpus_per_node": len(gpus), **({"visible_gpus": gpus} if gpus else {})}
        executor.update_parameters(timeout_min=WORKER_TIMEOUT_MIN, stderr_to_stdout=True, **own)
        with _worker_environment(Path(pack.project), pack.settings.threads):
            self._job = executor.submit(work_locally, dataclasses.replace(pack, launcher_pid=os.getpid()))
        self.log = Path(self._job.paths.stdout)

    @property
    def is_over(self) -> bool:
        return bool(self._job.done())

    def ask_to_stop(self) -> None:
        """Through submitit's controller process, which passes SIGTERM on to the worker."""
        if not self.is_over:
            os.kill(int(self._job.job_id), signal.SIGTERM)

    def kill(self) -> None:
        if self.is_over:
            return
        events = JournalReader(self.pack.journal).new_events()
        for pid in {event.pid for event in events if event.pid} | {int(self._job.job_id)}:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue


def _end_of(process: _Process) -> Ended:
    crash = crash_signal(process.log)
    return Ended(process.pack, CRASHED if crash else KILLED, process.log, crash)


@contextmanager
def _worker_environment(project: Path, threads: int) -> Iterator[None]:
    """Workers inherit the thread count, and ignore the Ctrl-C that a terminal sends to all: we tell them to stop."""
    counts = {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with environment(worker_environment(os.environ, project) | counts):
            yield
    finally:
        signal.signal(signal.SIGINT, previous)
