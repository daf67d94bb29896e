"""With snapshot=true a sweep goes on with the code that it was planned with, though the checkout is edited."""

import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from sweep import PROJECT
from sweep.config import outside
from sweep.results.provenance import git_state
from sweep.worker.snapshot import PACKAGES, make_snapshot
from tests.faulty import FAULTY, waiting
from tests.sweeps import ONE_OPTIMIZER, SMALL, worker_pids
from tests.waiting import wait_until

DECIDES, OLD, NEW = "sweep/config/run.py", "sorted({*early, *late, run.epochs})", "[run.epochs]"
# Two runs, each in a pack of its own, the second of which waits for the worker of the first.
TWO = (
    "-m", "grid=demo", *SMALL, *ONE_OPTIMIZER, "bits=4", "seed=0,1", "eval_every_epochs=1", FAULTY,
    "hydra/launcher=local", "device=cpu", "workers=1", "pack_minutes=0.000001",
)  # fmt: skip
AUTHOR = {f"GIT_{who}_{what}": "me@here" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", folder, *arguments], capture_output=True, text=True, check=True, env=os.environ | AUTHOR
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the package, committed."""
    folder = tmp_path / "checkout"
    for name in PACKAGES:
        shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".gitignore").write_text("__pycache__\n")
    git(tmp_path, "init", "--quiet", "checkout")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message=first")
    return folder


@dataclass(frozen=True)
class Second:
    """The run whose worker started after the checkout was edited, and the edit committed."""

    planned: str  # fingerprint
    commit: str  # of the checkout when it was planned
    row: dict[str, Any]
    epochs: list[int]  # that were evaluated
    log: str


def second_of_two(checkout: Path, results_dir: Path, *arguments: str) -> Second:
    """Sweeps two runs; the first is held at its first epoch while the code that decides what is evaluated is edited."""
    commit, gate = git(checkout, "rev-parse", "HEAD"), results_dir / "go"
    env = waiting(gate) | AUTHOR | {"PYTHONPATH": os.pathsep.join([str(checkout), str(PROJECT)])}
    command = [sys.executable, "-m", "sweep.run", *TWO, *arguments, f"results_dir={results_dir}"]
    sweep = subprocess.Popen(command, cwd=results_dir.parent, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_until(lambda: worker_pids(results_dir) or sweep.poll() is not None, 120, "a run that waits at its first epoch")
    edit(checkout)
    gate.touch()
    said = sweep.communicate(timeout=300)[0].decode()
    assert sweep.returncode == 0, said
    first, second = pd.read_parquet(results_dir / "rows").sort_values("started_at").to_dict("records")
    (plan,) = results_dir.glob("sweeps/*/plan.parquet")
    planned = pd.read_parquet(plan).set_index("run_id")["code"]
    evaluated = pd.read_parquet(results_dir / "curves").dropna(subset="test_loss").groupby("run_id")["epoch"].agg(list)
    assert (evaluated[first["run_id"]], first["code"]) == ([1, 2, 3], planned[first["run_id"]]), "before the edit"
    logs = sorted(results_dir.glob("sweeps/*/logs/*_log.out"), key=lambda path: path.stat().st_mtime)
    assert len(logs) == 2, "a pack each"
    run_id = second["run_id"]
    return Second(planned[run_id], commit, second, evaluated[run_id], logs[-1].read_text())


def edit(checkout: Path) -> None:
    file = checkout / DECIDES
    assert OLD in file.read_text()
    file.write_text(file.read_text().replace(OLD, NEW))
    git(checkout, "commit", "--quiet", "--all", "--message=edit")


@pytest.mark.parametrize("processes", [1, 2])
def test_workers_and_ranks_import_the_code_as_planned(processes: int, checkout: Path, tmp_path: Path) -> None:
    second = second_of_two(checkout, tmp_path / "r", "snapshot=true", f"processes_per_run={processes}")
    assert second.epochs == [1, 2, 3]
    assert (second.row["code"], second.row["commit"], second.row["dirty"]) == (second.planned, second.commit, False)
    assert "edited" not in second.log


def test_without_a_snapshot_the_log_says_that_the_code_was_edited(checkout: Path, tmp_path: Path) -> None:
    second = second_of_two(checkout, tmp_path / "r")
    assert second.epochs == [3]
    assert second.row["code"] != second.planned
    assert second.row["commit"] == git(checkout, "rev-parse", "HEAD") != second.commit
    assert "the code of 1 of 1 runs was edited since they were planned" in second.log
    assert not list((tmp_path / "r").glob("sweeps/*/code"))


def files_in(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_same_code_is_copied_once_and_other_code_beside_it(checkout: Path, tmp_path: Path) -> None:
    compiled = checkout / "sweep" / "__pycache__"
    compiled.mkdir()
    (compiled / "run.pyc").touch()
    folder = tmp_path / "code"
    first = make_snapshot(checkout, folder)
    held, inode = files_in(first), first.stat().st_ino
    assert make_snapshot(checkout, folder) == first and first.stat().st_ino == inode
    compiled.joinpath("run.pyc").unlink()
    assert {name: held[name] for name in held if name.startswith(PACKAGES)} == {
        name: content for name, content in files_in(checkout).items() if name.startswith(PACKAGES)
    }
    (checkout / DECIDES).write_text("EDITED = 1\n")
    second = make_snapshot(checkout, folder)
    assert files_in(first) == held and (second / DECIDES).read_text() == "EDITED = 1\n"
    assert set(folder.iterdir()) == {first, second}


def test_packages_of_parts_from_outside_are_copied(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also one in several folders, and a single file, as the copy imports them: first of all."""
    first, second = tmp_path / "a" / "mine", tmp_path / "b" / "mine"
    for number, folder in enumerate((first, second)):
        folder.mkdir(parents=True)
        (folder / f"part_{number}.py").write_text("x = 1\n")
    (first / "levels.csv").write_text("0.5\n")
    (first / "__pycache__").mkdir()
    (first / "__pycache__" / "part_0.pyc").touch()
    (tmp_path / "one.py").write_text("x = 1\n")
    monkeypatch.setattr(outside, "packages", lambda: {"mine": [first, second], "one": [tmp_path / "one.py"]})
    copy = make_snapshot(checkout, tmp_path / "code")
    assert sorted(files_in(copy / "mine")) == ["levels.csv", "part_0.py", "part_1.py"] and (copy / "one.py").exists()
    (second / "part_1.py").write_text("x = 2\n")
    assert make_snapshot(checkout, tmp_path / "code") != copy, "other code beside it"


def test_what_is_copied_is_what_is_installed() -> None:
    setup = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]
    assert set(PACKAGES) == {name.replace(".", "/") for name in setup["include"] if not name.endswith("*")}


def test_a_copy_knows_the_commit_and_whether_there_were_changes(checkout: Path, tmp_path: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    clean = make_snapshot(checkout, tmp_path / "code")
    (checkout / DECIDES).write_text("EDITED = 1\n")
    dirty = make_snapshot(checkout, tmp_path / "code")
    git(checkout, "commit", "--quiet", "--all", "--message=edit")
    assert (git_state(clean), git_state(dirty)) == ((commit, False), (commit, True))
    committed = make_snapshot(checkout, tmp_path / "code")
    assert git_state(committed) == (git(checkout, "rev-parse", "HEAD"), False) and committed != dirty
    shutil.rmtree(checkout / ".git")
    assert git_state(make_snapshot(checkout, tmp_path / "code")) == ("", False)
