"""The SLURM launcher: packs of runs as job arrays, followed, left and found again."""

import os
import re
import shutil
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from launchers.launch import Launch
from launchers.plan_launcher import Device, Listener, PlanLauncher
from launchers.progress import Tally
from launchers.slurm import commands, limits
from launchers.slurm.commands import ClusterUnavailable, Refused
from launchers.slurm.executor import Limits, SlurmExecutor
from launchers.slurm.parameters import check_parameters, gpu_count, places, sbatch_options, sizes
from launchers.slurm.submission import setup_script
from sweep.config.checks import ConfigError
from sweep.config.settings import Settings
from sweep.plan.packs import Task
from sweep.results.paths import SweepDir
from sweep.worker.packing import split_for_workers

EARLIEST_S = 60  # before it is due, SLURM may send a warning: man sbatch, --signal
START_S = 30  # of a worker, until its first run can be saved
_PATTERN = re.compile(r"%[0-9]*[AaJjNnstux]")
UNTOLD_TASKS = 100  # how many run at a time, for the forecast, where neither limits nor the cluster tell


class SlurmLauncher(PlanLauncher):
    """Submits packs to SLURM, with the parameters that launchers/slurm/parameters.py declares."""

    def __init__(self, **asked: Any) -> None:
        self._asked = {name: OmegaConf.to_object(v) if OmegaConf.is_config(v) else v for name, v in asked.items()}
        self._values = check_parameters(self._asked)
        check_warning(self._values["time_min"], self._values["signal_delay_s"])

    @property
    def _gpus(self) -> int:
        return gpu_count(self._values["gpus_per_task"])

    def check(self, settings: Settings) -> None:
        processes, gpus = settings.processes_per_run, self._values["gpus_per_task"]
        if processes > 1 and self._gpus not in (0, processes) and settings.device != "cpu":
            raise ConfigError(
                f"processes_per_run={processes} with hydra.launcher.gpus_per_task={gpus}: each needs a GPU of "
                f"its own; say hydra.launcher.gpus_per_task={processes}"
            )
        if pattern := _PATTERN.search(str(Path(settings.results_dir).absolute())):
            raise ConfigError(
                f"results_dir={settings.results_dir}: SLURM and submitit would put a job's id in place of "
                f"{pattern.group()}; take a folder without it"
            )

    def device(self, settings: Settings) -> Device:
        if settings.device == "cuda" and not self._gpus:
            raise ConfigError("device=cuda: hydra.launcher.gpus_per_task is 0")
        return "cuda" if self._gpus and settings.device != "cpu" else "cpu"

    def workers(self, settings: Settings) -> int:
        limits = (self._values["max_running_tasks"], self._values["max_submitted_tasks"], self._capacity)
        return settings.workers or min(filter(None, limits), default=UNTOLD_TASKS)

    def describe(self, tasks: Sequence[Task], settings: Settings) -> list[str]:
        packs = split_for_workers(tasks, settings, self.workers(settings))
        arrays = -(-len(packs) // self._limits.array_size)
        hours = sum(task.expected_s for task in tasks) / 3600
        gpus, cpus = self._gpus, self._values["cpus_per_task"]
        cost = f"{hours * gpus:.3g} GPU-hours" if gpus else f"{hours * cpus:.3g} CPU-hours"
        room = f"; its nodes hold {self._capacity} at a time" if self._capacity else ""
        return [
            f"on SLURM: {places(self._values, self._asked)}",
            f"{len(packs)} tasks in {arrays} arrays, each {sizes(self._values)}: about {cost}{room}",
            *([self._tried()] if settings.dry_run else []),
        ]

    def _tried(self) -> str:
        """What the cluster says of such a task; raises `ConfigError` where it would refuse it."""
        try:
            return limits.tried(sbatch_options(self._values))
        except Refused as error:
            raise ConfigError(f"SLURM would refuse the job: {error}") from error
        except (ClusterUnavailable, FileNotFoundError) as error:
            return f"SLURM does not answer: {error}"

    @cached_property
    def _capacity(self) -> int | None:
        values = self._values
        gpu_type = values["gpus_per_task"].partition(":")[0]
        is_typed = not gpu_type.isdigit()
        return limits.capacity(values["partition"], self._gpus, gpu_type if is_typed else "", values["cpus_per_task"])

    def launch_tasks(
        self,
        tasks: Sequence[Task],
        settings: Settings,
        sweep_dir: SweepDir,
        project: Path,
        listener: Listener | None = None,
        elsewhere: Sequence[Task] = (),
    ) -> Tally:
        executor = SlurmExecutor(sweep_dir, self._array_parameters(), self._limits, self._values["poll_s"])
        launch = Launch(tasks, settings, sweep_dir, project, self.workers(settings), executor, listener, elsewhere)
        by_id = {task.task_id: task for task in tasks}
        attached = executor.attach(by_id, launch.make_pack)
        launch.attach(attached)
        in_queue = {task.task_id for pack in attached for task in pack.tasks}
        if in_queue:
            print(f"{len(in_queue)} runs are in SLURM's queue already, in {len(attached)} tasks: following them")
        launch.submit([task for task in tasks if task.task_id not in in_queue])
        if settings.wait:
            tally = launch.follow()
            if text := executor.farewell():
                print(text)
            return tally
        print(f"submitted. {executor.way_on()}")
        if executor.in_queue:
            print(executor.expected())
        if executor.waiting:
            print(f"{executor.waiting} packs found no room in the queue: give the same command again later")
        if elsewhere:
            print(f"{len(elsewhere)} runs are left to other sweeps: the same command later does what those do not")
        return launch.tally

    def _array_parameters(self) -> dict[str, Any]:
        """What submitit is told. It has to know the time limit; the other options are for sbatch only."""
        values = self._values
        return {
            "time": values["time_min"],
            "array_parallelism": values["max_running_tasks"] or 100_000,
            "stderr_to_stdout": True,
            "setup": setup_script(values["setup"]),
            # From 22.05 on, srun does not take over the cores of sbatch.
            "srun_args": [f"--cpus-per-task={values['cpus_per_task']}"],
            "additional_parameters": {"requeue": True, **sbatch_options(values)},
        }

    @cached_property
    def _limits(self) -> Limits:
        """What the cluster allows; raises `ConfigError` where it does not answer."""
        try:
            array_size, max_submit = limits.max_array_size(), limits.max_submit(self._values["account"])
        except (ClusterUnavailable, Refused, FileNotFoundError) as error:
            raise ConfigError(
                f"hydra/launcher=slurm: SLURM does not answer ({error}); hydra/launcher=local trains on this machine"
            ) from error
        own = self._values["max_submitted_tasks"]
        at_once = min([limit for limit in (own, max_submit) if limit], default=1_000_000)
        return Limits(array_size, at_once, self._values["time_min"], self._values["signal_delay_s"])


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


def why_local() -> str | None:
    """Returns why runs are local where nothing else was chosen, in one line; None where SLURM answers.

    The line is empty where there is no sbatch, so that nobody expects SLURM. Asked before anything is composed.
    """
    insists = "hydra/launcher=slurm insists on SLURM, hydra/launcher=local does not ask"
    job, sbatch = os.environ.get("SLURM_JOB_ID"), shutil.which("sbatch")
    if job:
        return f"inside SLURM's job {job}: runs are local, on what the job has; hydra/launcher=slurm submits from here"
    if sbatch is None:
        return ""
    silence = commands.silence()
    return f"{sbatch} is here, but SLURM does not answer ({silence}): runs are local; {insists}" if silence else None
