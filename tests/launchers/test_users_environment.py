"""Sweeps on a real SLURM of users whose profile tells SLURM's commands what to show, end and submit."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from sweep.results.events import Started
from tests.cluster.cluster import SlurmCluster
from tests.launchers.on_slurm import events, finish, on_slurm, start
from tests.sweeps import ONE_OPTIMIZER, SMALL
from tests.waiting import wait_until

TWO = ["-m", *SMALL, *ONE_OPTIMIZER, "bits=2,32"]
PROFILE = {
    "SQUEUE_PARTITION": "grace", "SQUEUE_STATES": "SUSPENDED", "SQUEUE_FORMAT": "%u", "SLURM_TIME_FORMAT": "relative",
    "SCANCEL_STATE": "PENDING", "SCANCEL_PARTITION": "grace", "SBATCH_EXPORT": "NONE", "SCONTROL_FUTURE": "1",
}  # fmt: skip


def command(name: str, results_dir: Path, env: Mapping[str, str]) -> str:
    argv = [sys.executable, "-m", f"sweep.{name}", f"results_dir={results_dir}"]
    return subprocess.run(argv, capture_output=True, text=True, env=env, check=True).stdout


def test_a_profile_hides_no_task_and_saves_none(slurm: SlurmCluster, env: dict[str, str], tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = start([*TWO, "epochs=100000"], results_dir, env | PROFILE)
    wait_until(lambda: len(events(results_dir, Started)) == 2, 60, "runs to start")
    assert "tasks in SLURM: 2 running" in command("status", results_dir, env | PROFILE)
    assert "2 tasks cancelled" in command("cancel", results_dir, env | PROFILE)
    assert slurm.run("squeue", "--noheader") == ""  # seen to be gone, and not only told to end
    assert "cancelled" in finish(sweep) and len(events(results_dir, Started)) == 2


def test_the_same_command_submits_anew_what_was_cancelled_meanwhile(
    slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    left = on_slurm(TWO, tmp_path / "r", env | PROFILE, "wait=false", "+hydra.launcher.extra.hold=true")
    assert left.returncode == 0, left.stderr
    slurm.cancel_all(timeout_s=30)
    back = on_slurm(TWO, tmp_path / "r", env | PROFILE)
    assert "2 of 2 runs done" in back.stdout and back.returncode == 0, back.stdout + back.stderr
