"""The local launcher: packs of runs in worker processes on this machine, by submitit's local executor."""

import dataclasses
import datetime
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import submitit
from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from launchers.hardware import cores, visible_gpus
from launchers.job import commit_failure, run_pack
from launchers.journal import ENDED, JournalReader, count_attempts, journal_path, record
from launchers.packs import Pack, Task, make_tasks, split_into_packs
from launchers.progress import Display, Tally
from sweep.config import ConfigError, Settings
from sweep.plan import Plan

POLL_S = 0.2
STOP_S = 120.0  # a worker that was asked to stop saves a checkpoint; after this long it is killed
WORKER_TIMEOUT_MIN = 60 * 24 * 365
LOG_LINES = 20

Listener = Callable[[dict[str, Any]], None]  # gets every journal event


class LocalLauncher(Launcher):
    """Trains a plan on this machine: one worker per GPU, or per `threads` cores."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Nothing is needed of Hydra: plans come with their settings."""

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        raise CompactHydraException("this launcher takes plans, not lists of overrides: use hydra/sweeper=grid")

    def device(self, settings: Settings) -> str:
        """cpu or cuda, as workers will train; raises `ConfigError` where there is no GPU to use."""
        gpus = visible_gpus()
        if settings.device == "cuda" and not gpus:
            raise ConfigError("device=cuda: no NVIDIA GPU is visible; device=cpu or device=auto trains without")
        return "cuda" if gpus and settings.device != "cpu" else "cpu"

    def workers(self, settings: Settings) -> int:
        if settings.workers:
            return settings.workers
        slots = len(visible_gpus()) if self.device(settings) == "cuda" else cores() // settings.threads
        return max(1, slots)

    def run(self, plan: Plan, settings: Settings, sweep_dir: Path, listener: Listener | None = None) -> Tally:
        """Trains what `plan` has left to do; returns how each run ended.

        With a `listener` workers also record evaluated epochs, and stop the runs that `request_prune` names.
        """
        device = self.device(settings)
        if device == "cuda":
            _check_cuda()
        settings = dataclasses.replace(settings, device=device)  # type: ignore[arg-type]
        tasks = make_tasks(plan.to_do(settings.rerun), count_attempts(Path(settings.results_dir)))
        return _Launch(tasks, settings, sweep_dir, self.workers(settings), listener).run()


def _check_cuda() -> None:
    import torch

    if not torch.cuda.is_available():
        raise ConfigError(
            f"a GPU is visible, but this build of torch ({torch.__version__}) cannot use it: "
            f"install a CUDA build, or say device=cpu"
        )


class _Launch:
    """The workers of one launch, from the first pack to the last."""

    def __init__(
        self, tasks: Sequence[Task], settings: Settings, sweep_dir: Path, workers: int, listener: Listener | None
    ) -> None:
        self._settings, self._sweep_dir = settings, sweep_dir
        self._workers = workers
        self._listener = listener
        name = f"{_now():%Y%m%dT%H%M%S}-{os.getpid()}"
        packs = split_into_packs(tasks, workers, settings.pack_minutes)
        self._queue = deque(self._pack(f"{name}-{number}", pack) for number, pack in enumerate(packs))
        self._active: dict[int, _Worker] = {}  # by slot
        self._deaths: Counter[str] = Counter()  # of workers, by the run they were at
        self._tally = Tally(tasks, workers)
        self._display = Display(self._tally)
        self._gpus = visible_gpus() if settings.device == "cuda" else []

    def _pack(self, pack_id: str, tasks: tuple[Task, ...]) -> Pack:
        return Pack(pack_id, tasks, str(self._sweep_dir), self._settings, os.getpid(), self._listener is not None)

    def run(self) -> Tally:
        previous = signal.signal(signal.SIGTERM, _raise_interrupt)
        try:
            while self._queue or self._active:
                self._fill_slots()
                time.sleep(POLL_S)
                self._collect()
                self._display.update()
                self._stop_on_shared_error()
        except KeyboardInterrupt:
            self._display.say("stopping: workers save their checkpoints (Ctrl-C again to kill them)")
            self._stop()
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)
            self._display.end()
        return self._tally

    def _fill_slots(self) -> None:
        for slot in range(self._workers):
            if slot not in self._active and self._queue:
                gpu = self._gpus[slot % len(self._gpus)] if self._gpus else None
                self._active[slot] = _Worker(self._queue.popleft(), gpu)

    def _collect(self) -> None:
        for slot, worker in list(self._active.items()):
            ended = worker.ended()  # asked before the journal is read, which is then complete
            for event in worker.journal.new_events():
                worker.note(event)
                self._tally.add(event["event"], event["run_id"], event.get("error", ""))
                if self._listener is not None:
                    self._listener(event)
            if ended:
                del self._active[slot]
                if worker.left:
                    self._replace_dead(worker)

    def _replace_dead(self, worker: "_Worker") -> None:
        """Puts what a dead worker left in a pack of its own; gives up the run it was at after max_attempts."""
        left = worker.left
        culprit = left[0]  # tasks run in order: it was at this one, or died before it
        self._deaths[culprit.run_id] += 1
        self._display.say(
            f"a worker died at run {culprit.run_id[:12]} (time {self._deaths[culprit.run_id]} of "
            f"{self._settings.max_attempts}); log: {worker.log}"
        )
        if self._deaths[culprit.run_id] >= self._settings.max_attempts:
            self._give_up(culprit, worker)
            left = left[1:]
        elif worker.has_started(culprit):
            left = (dataclasses.replace(culprit, attempt=culprit.attempt + 1), *left[1:])
        if left:
            self._queue.append(self._pack(f"{worker.pack.pack_id}r", left))

    def _give_up(self, task: Task, worker: "_Worker") -> None:
        error = f"the worker died {self._settings.max_attempts} times at this run (killed, or crashed)"
        commit_failure(task, worker.pack, f"{error}; end of {worker.log}:\n{worker.log_end()}", _now())
        record(journal_path(self._sweep_dir, worker.pack.pack_id), "failed", task.run_id, error=error)
        self._tally.add("failed", task.run_id, error)

    def _stop_on_shared_error(self) -> None:
        """Stops a sweep whose first runs all failed with one error: the others would too."""
        ended, errors = self._tally.ended, self._tally.errors
        if len(errors) == len(ended) >= self._settings.stop_after_same_error and len(set(errors.values())) == 1:
            self._stop()
            raise ConfigError(f"the first {len(errors)} runs all failed with: {next(iter(errors.values()))}")

    def _stop(self) -> None:
        """Asks every worker to save its run and end; kills what is left after STOP_S or at a second Ctrl-C."""
        deadline = time.monotonic() + STOP_S
        for worker in self._active.values():
            worker.signal(signal.SIGTERM)
        try:
            while time.monotonic() < deadline and not all(w.ended() for w in self._active.values()):
                time.sleep(POLL_S)
        finally:
            for worker in self._active.values():
                worker.kill()


class _Worker:
    """One pack in a process."""

    def __init__(self, pack: Pack, gpu: int | None) -> None:
        self.pack = pack
        self._left = {task.run_id: task for task in pack.tasks}
        self._started: set[str] = set()
        self._pids: set[int] = set()
        self.journal = JournalReader(journal_path(Path(pack.sweep_dir), pack.pack_id))
        executor = submitit.LocalExecutor(folder=Path(pack.sweep_dir) / "logs")
        gpus = {"gpus_per_node": 1, "visible_gpus": (gpu,)} if gpu is not None else {"gpus_per_node": 0}
        executor.update_parameters(timeout_min=WORKER_TIMEOUT_MIN, stderr_to_stdout=True, **gpus)
        with _worker_environment(pack.settings.threads):
            self._job = executor.submit(run_pack, pack)
        self.log = Path(self._job.paths.stdout)

    def note(self, event: dict[str, Any]) -> None:
        self._started.add(event["run_id"])
        self._pids.add(event["pid"])
        if event["event"] in ENDED:
            self._left.pop(event["run_id"], None)

    @property
    def left(self) -> tuple[Task, ...]:
        return tuple(self._left.values())

    def has_started(self, task: Task) -> bool:
        return task.run_id in self._started

    def ended(self) -> bool:
        return bool(self._job.done())

    def signal(self, number: signal.Signals) -> None:
        """To submitit's controller process, which passes it on to the worker."""
        if not self.ended():
            os.kill(int(self._job.job_id), number)

    def kill(self) -> None:
        if not self.ended():
            for pid in (*self._pids, int(self._job.job_id)):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue

    def log_end(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines() if self.log.exists() else []
        return "\n".join(lines[-LOG_LINES:])


@contextmanager
def _worker_environment(threads: int) -> Iterator[None]:
    """Workers inherit the thread count, and ignore the Ctrl-C that a terminal sends to all: we tell them to stop."""
    before = dict(os.environ)
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        os.environ.clear()
        os.environ.update(before)


def _raise_interrupt(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)
