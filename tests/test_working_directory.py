"""Commands, workers and ranks find this package, and every other, whatever lies in the working directory."""

import os
import shutil
import subprocess
import sysconfig
import venv
from pathlib import Path

import pandas as pd
import pytest

from sweep import PROJECT
from sweep.__main__ import COMMANDS
from tests.sweeps import SMALL

INSTALLED = ("sweep", "launchers", "conf", "results/published")
ONE = (*SMALL, "epochs=1", "hydra/launcher=local", "device=cpu", "results_dir=sweep")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder bin/ of an environment with an editable install of a copy, as pyproject.toml says to make it."""
    folder = tmp_path_factory.mktemp("installed")
    checkout = folder / "checkout"
    for name in INSTALLED:
        shutil.copytree(PROJECT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(PROJECT / name, checkout)
    venv.create(folder / "venv", symlinks=True)
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_paths()["purelib"])
    install = ("-m", "pip", "install", "--quiet", "--no-build-isolation", "--no-deps", "--editable", str(checkout))
    done = run(folder / "venv" / "bin" / "python", *install, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "venv" / "bin"


def run(program: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHONPATH", "SLURM"))}
    return subprocess.run([program, *arguments], cwd=cwd, env=environment, capture_output=True, text=True, timeout=240)


def statuses(results_dir: Path) -> list[str]:
    return pd.read_parquet(results_dir / "rows")["status"].tolist()


def test_plain_folders_with_the_names_of_packages(programs: Path, tmp_path: Path) -> None:
    """Also the results directory itself may be called sweep."""
    for name in ("sweep", "launchers", "conf", "torch"):
        (tmp_path / name).mkdir()
    done = run(programs / "python", "-m", "sweep.run", *ONE, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(tmp_path / "sweep") == ["finished"]
    for command in ("status", "tables"):
        done = run(programs / "python", "-m", f"sweep.{command}", "results_dir=sweep", cwd=tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("processes", [1, 2])
def test_packages_and_modules_of_the_same_names(processes: int, programs: Path, tmp_path: Path) -> None:
    """The script does not look into the working directory, nor do its workers, nor the ranks that these start."""
    for name in ("sweep/__init__.py", "launchers/__init__.py", "torch/__init__.py", "random.py", "submitit.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"raise ImportError('this is the wrong {name}')")
    done = run(programs / "qsweep", "run", *ONE, f"processes_per_run={processes}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert statuses(tmp_path / "sweep") == ["finished"]


def test_the_script_has_every_command() -> None:
    commands = {path.stem for path in (PROJECT / "sweep").glob("[!_]*.py") if "__main__" in path.read_text()}
    commands |= {path.parent.name for path in (PROJECT / "sweep").glob("*/__main__.py")}
    assert commands == set(COMMANDS)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ((), "no command: allowed are accept_code, best, "),
        (("tabels",), "tabels; did you mean tables?: allowed are accept_code, best, "),
    ],
)
def test_what_is_no_command(arguments: tuple[str, ...], why: str, programs: Path, tmp_path: Path) -> None:
    done = run(programs / "qsweep", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.startswith(f"error: {why}")
