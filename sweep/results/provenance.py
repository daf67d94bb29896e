"""What made a number, besides its code: git commit, versions, machine."""

import json
import os
import platform
import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import sweep

_GIT_STATE = "git_state.json"  # of a copy of a checkout


@cache
def versions() -> dict[str, Any]:
    """Returns the provenance columns of a row that are the same for all work of a process."""
    import torch

    commit, dirty = git_state(sweep.PROJECT)
    return {
        "commit": commit,
        "dirty": dirty,
        "qsweep_version": sweep.__version__,
        "torch_version": metadata.version("torch"),
        "cuda_version": torch.version.cuda or "",
        "host": platform.node(),
        "cpu_capability": cpu_capability(),
    }


def cpu_capability() -> str:
    """Returns the vector instructions that torch takes on this CPU, as AVX2, and to which oneDNN is held, if it is."""
    import torch

    capability: str = torch.backends.cpu.get_cpu_capability()
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA") or os.environ.get("DNNL_MAX_CPU_ISA", "")
    return f"{capability} (oneDNN {limit.upper()})" if limit else capability


@cache
def cpu_model() -> str:
    """Returns the CPU's name, as the system has it."""
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


class Machine(NamedTuple):
    """The facts that a crash may depend on, as workers tell them when they start a run."""

    cpu: str
    cpu_capability: str
    torch_version: str
    qsweep_version: str


@cache
def machine() -> Machine:
    """Returns what this process runs on."""
    return Machine(cpu_model(), cpu_capability(), metadata.version("torch"), sweep.__version__)


def git_state(folder: Path) -> tuple[str, bool]:
    """Returns the commit of the checkout at `folder` and whether it has uncommitted changes; ("", False) if it is none.

    Of a copy it returns what `note_git_state` noted.
    """
    if (folder / _GIT_STATE).exists():
        commit, dirty = json.loads((folder / _GIT_STATE).read_text())
        return commit, dirty
    if not (folder / ".git").exists():
        return "", False
    commit = _git(folder, "rev-parse", "HEAD")
    return commit, bool(_git(folder, "status", "--porcelain", "--untracked-files=no"))


def note_git_state(checkout: Path, copy: Path) -> None:
    """Has `git_state` tell of the folder `copy` what it tells of `checkout` now."""
    (copy / _GIT_STATE).write_text(json.dumps(git_state(checkout)))


def _git(folder: Path, *arguments: str) -> str:
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()
