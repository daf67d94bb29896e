"""A copy of the code in a folder of a sweep, which its workers import whatever becomes of the checkout."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from sweep.config import outside
from sweep.results.provenance import note_git_state

PACKAGES = ("sweep", "launchers", "conf", "results/published")  # what pyproject.toml installs
_UNCOPIED = shutil.ignore_patterns("__pycache__", ".*")


def make_snapshot(project: Path, folder: Path) -> Path:
    """Copies the packages in `project`, which commit they are of, and the packages of parts from outside to a folder in
    `folder`; returns that.

    It is named by sha256 of what it holds: the same code is copied once, and no copy ever changes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as unfinished:
        copy = Path(unfinished) / "copy"
        for package in PACKAGES:
            shutil.copytree(project / package, copy / package, ignore=_UNCOPIED)
        for name, places in outside.packages().items():
            for place in places:
                _copy(place, copy / name)
        note_git_state(project, copy)
        snapshot = folder / _digest(copy)
        if not snapshot.exists():
            copy.rename(snapshot)
    return snapshot


def _copy(place: Path, to: Path) -> None:
    """Copies a folder of a package, of which there may be several, or the one file of a module."""
    if place.is_dir():
        shutil.copytree(place, to, ignore=_UNCOPIED, dirs_exist_ok=True)
    else:
        shutil.copy(place, to.parent / place.name)


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of all files in `folder`."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content} {file.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()
