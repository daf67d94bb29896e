"""Small sweeps on a private SLURM cluster, by `python -m sweep.run` in processes of their own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from sweep.results.events import Event
from sweep.results.journal import events_of
from sweep.results.paths import ResultsDir
from tests.sweeps import run

AnyEvent = TypeVar("AnyEvent", bound=Event)
ON_CPUS = [
    "hydra/launcher=slurm", "device=cpu", "hydra.launcher.gpus_per_task=0", "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1", "hydra.launcher.poll_s=0.5",
]  # fmt: skip


def on_slurm(sweep: list[str], results_dir: Path, env: Mapping[str, str], *more: str) -> Any:
    return run(*sweep, *ON_CPUS, *more, f"results_dir={results_dir}", env=dict(env))


def start(sweep: list[str], results_dir: Path, env: Mapping[str, str], *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "sweep.run", *sweep, *ON_CPUS, *more, f"results_dir={results_dir}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=dict(env))


def finish(sweep: subprocess.Popen[str], timeout_s: float = 180) -> str:
    output, _ = sweep.communicate(timeout=timeout_s)
    return output


def events(results_dir: Path, *types: type[AnyEvent]) -> list[AnyEvent]:
    return [event for event in events_of(ResultsDir(results_dir).journals()) if isinstance(event, types)]
