"""Short measurements by `python -m sweep.measure` in processes of their own, and what they leave on disk."""

import subprocess
import sys
from pathlib import Path

import pandas as pd

from sweep.results.rows import measures_store

FAST = [
    "measure.noise_samples=2", "measure.restarts=1", "measure.ascent_steps=2", "measure.ascent_images=50",
    "measure.search_steps=4", "measure.hessian_iterations=3", "measure.linf_iterations=1",
    "measure.linf_dimensions=3", "measure.curvature_images=50", "measure.regularizer_images=10",
]  # fmt: skip
CIRCUMSTANCES = ["attempt", "seconds", "started_at", "ended_at", "job_id", "host", "study"]


def command(*arguments: str) -> list[str]:
    """On this machine, unless the arguments say otherwise."""
    launcher = [] if "hydra/launcher=slurm" in arguments else ["hydra/launcher=local"]
    return [sys.executable, "-m", "sweep.measure", "-m", *launcher, *arguments]


def measure(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=300, env=env)


def measured(results_dir: Path) -> pd.DataFrame:
    """The rows less their circumstances."""
    table = measures_store(results_dir).read().to_pandas().drop(columns=CIRCUMSTANCES, errors="ignore")
    return table.sort_values("task_id").reset_index(drop=True)
