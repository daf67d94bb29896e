"""What jobs that are submitted to SLURM find in their environment, with an sbatch that only looks at its own."""

import os
from pathlib import Path

import pytest

from launchers.slurm.executor import Limits, SlurmExecutor
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.results.paths import ResultsDir
from tests.launchers.programs import install
from tests.plan.tasks import tasks


def test_jobs_import_the_packages_in_the_folder_of_their_packs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = f"echo $PYTHONPATH >{tmp_path / 'seen'}; echo Submitted batch job 7"
    programs = install(tmp_path / "bin", sbatch=looks, srun="exit 0")
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", "/users")
    sweep_dir = ResultsDir(tmp_path).sweep("s")
    sweep_dir.path.mkdir(parents=True)
    packs = [
        Pack(f"p{i}", (task,), str(sweep_dir.path), Settings(), 1, project="/copy")
        for i, task in enumerate(tasks([1.0] * 2))
    ]
    SlurmExecutor(sweep_dir, {}, Limits(10, 10, 60, 120), poll_s=1.0).submit(packs)
    assert (tmp_path / "seen").read_text().strip().split(os.pathsep) == ["/copy", "/users"]
