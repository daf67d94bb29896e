"""The SLURM launcher: packs of runs as job arrays, followed, left and found again."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from launchers.launch import Launch
from launchers.plan_launcher import Device, Listener, PlanLauncher
from launchers.progress import Tally
from launchers.slurm import limits
from launchers.slurm.commands import ClusterUnavailable, Refused
from launchers.slurm.executor import Limits, SlurmExecutor
from launchers.slurm.submission import setup_script
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from sweep.plan.packs import Task
from sweep.results.paths import SweepDir

EARLIEST_S = 60  # before it is due, SLURM may send a warning: man sbatch, --signal
START_S = 30  # of a worker, until its first run can be saved
USUAL_TASKS = 100  # how many run at a time, for the forecast, where nothing limits them


class SlurmLauncher(PlanLauncher):
    """Submits packs to SLURM; conf/hydra/launcher/slurm.yaml explains every parameter."""

    def __init__(
        self,
        partition: str | None,
        account: str | None,
        qos: str | None,
        constraint: str | None,
        gpus_per_task: int,
        cpus_per_task: int,
        mem_gb: float | None,
        time_min: int,
        signal_delay_s: int,
        max_running_tasks: int,
        max_submitted_tasks: int,
        poll_s: float,
        setup: str | Sequence[str],
        extra: Mapping[str, Any],
    ) -> None:
        for name, value, low in (
            ("gpus_per_task", gpus_per_task, 0),
            ("cpus_per_task", cpus_per_task, 1),
            ("time_min", time_min, 1),
            ("signal_delay_s", signal_delay_s, 1),
            ("max_running_tasks", max_running_tasks, 0),
            ("max_submitted_tasks", max_submitted_tasks, 0),
        ):
            if not isinstance(value, int) or value < low:
                raise ConfigError(f"hydra.launcher.{name}={value}: allowed is a whole number from {low} up")
        self._gpus, self._running = gpus_per_task, max_running_tasks
        self._submitted, self._account = max_submitted_tasks, account
        self._time_min, self._signal_delay_s, self._poll_s = time_min, signal_delay_s, float(poll_s)
        self._parameters = {
            "partition": partition,
            "account": account,
            "qos": qos,
            "constraint": constraint,
            "gpus_per_node": gpus_per_task or None,
            "cpus_per_task": cpus_per_task,
            "srun_args": [f"--cpus-per-task={cpus_per_task}"],  # from 22.05 on, srun does not take over those of sbatch
            "mem": f"{int(mem_gb * 1024)}MB" if mem_gb else None,
            "time": time_min,
            "signal_delay_s": signal_delay_s,
            "stderr_to_stdout": True,
            "setup": setup_script([setup] if isinstance(setup, str) else setup) or None,
            "additional_parameters": {"requeue": True, **extra},
        }

        check_warning(time_min, signal_delay_s)

    def check(self, settings: Settings) -> None:
        processes = settings.processes_per_run
        if processes > 1 and self._gpus not in (0, processes) and settings.device != "cpu":
            raise ConfigError(
                f"processes_per_run={processes} with hydra.launcher.gpus_per_task={self._gpus}: each needs a GPU of "
                f"its own; say hydra.launcher.gpus_per_task={processes}"
            )

    def device(self, settings: Settings) -> Device:
        if settings.device == "cuda" and not self._gpus:
            raise ConfigError("device=cuda: hydra.launcher.gpus_per_task is 0")
        return "cuda" if self._gpus and settings.device != "cpu" else "cpu"

    def workers(self, settings: Settings) -> int:
        return settings.workers or self._running or USUAL_TASKS

    def launch_tasks(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        sweep_dir: SweepDir,
        project: Path,
        listener: Listener | None = None,
        elsewhere: Sequence[Task] = (),
    ) -> Tally:
        executor = SlurmExecutor(sweep_dir, self._array_parameters(), self._limits(), self._poll_s)
        launch = Launch(tasks, settings, sweep_dir, project, self.workers(settings), executor, listener, elsewhere)
        by_id = {task.task_id: task for task in tasks}
        attached = executor.attach(by_id, launch.make_pack)
        launch.attach(attached)
        in_queue = {task.task_id for pack in attached for task in pack.tasks}
        if in_queue:
            print(f"{len(in_queue)} runs are in SLURM's queue already, in {len(attached)} tasks: following them")
        launch.submit([task for task in tasks if task.task_id not in in_queue])
        if settings.wait:
            return launch.follow()
        print(f"submitted. {executor.way_on()}")
        if executor.waiting:
            print(f"{executor.waiting} packs found no room in the queue: give the same command again later")
        if elsewhere:
            print(f"{len(elsewhere)} runs are left to other sweeps: the same command later does what those do not")
        return launch.tally

    def _array_parameters(self) -> dict[str, Any]:
        parallel = {"array_parallelism": self._running} if self._running else {"array_parallelism": 100_000}
        return {name: value for name, value in (self._parameters | parallel).items() if value is not None}

    def _limits(self) -> Limits:
        """What the cluster allows; raises `ConfigError` where it does not answer."""
        try:
            array_size, max_submit = limits.max_array_size(), limits.max_submit(self._account)
        except (ClusterUnavailable, Refused, FileNotFoundError) as error:
            raise ConfigError(
                f"hydra/launcher=slurm: SLURM does not answer ({error}); hydra/launcher=local trains on this machine"
            ) from error
        at_once = min([limit for limit in (self._submitted, max_submit) if limit], default=1_000_000)
        return Limits(array_size, at_once, self._time_min, self._signal_delay_s)


def check_warning(time_min: int, signal_delay_s: int) -> None:
    """Raises `ConfigError` where the warning would come before a worker has begun with its first run."""
    latest = 60 * time_min - EARLIEST_S - START_S
    if signal_delay_s > latest:
        needed = -(-(signal_delay_s + EARLIEST_S + START_S) // 60)
        shorter = f"signal_delay_s from 1 to {latest}, or " if latest > 0 else ""
        raise ConfigError(
            f"hydra.launcher.signal_delay_s={signal_delay_s} with hydra.launcher.time_min={time_min}: SLURM may warn "
            f"{EARLIEST_S} s before that, and a worker takes about {START_S} s to begin, so that no task would get "
            f"anywhere; allowed are {shorter}time_min from {needed} up"
        )


def found_sbatch() -> str | None:
    """Returns the path of sbatch where this may be a machine to submit from; None without it, and inside a job."""
    return None if "SLURM_JOB_ID" in os.environ else shutil.which("sbatch")
