"""A copy of the code in a folder of a sweep, which its workers import whatever becomes of the checkout."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from sweep.results.provenance import note_git_state

PACKAGES = ("sweep", "launchers", "conf", "results/published")  # what pyproject.toml installs
_UNCOPIED = shutil.ignore_patterns("__pycache__")


def make_snapshot(project: Path, folder: Path) -> Path:
    """Copies the packages in `project`, and which commit they are of, to a folder in `folder`; returns that.

    It is named by sha256 of what it holds: the same code is copied once, and no copy ever changes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".unfinished-") as unfinished:
        copy = Path(unfinished) / "copy"
        for package in PACKAGES:
            shutil.copytree(project / package, copy / package, ignore=_UNCOPIED)
        note_git_state(project, copy)
        snapshot = folder / _digest(copy)
        if not snapshot.exists():
            copy.rename(snapshot)
    return snapshot


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of all files in `folder`."""
    digest = hashlib.sha256()
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        digest.update(f"{content} {file.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()
