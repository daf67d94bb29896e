"""Commands in processes of their own, with parts from outside: a process knows its parts from its start on."""

import os
import subprocess
import sys
from pathlib import Path

from sweep import PROJECT
from sweep.config.outside import FOLDERS, VARIABLE

TINY = (
    "grid=demo", "dataset=digits", "epochs=1", "train_subset=64", "test_subset=64", "base_width=2", "width=2",
    "depth=2", "optimizer=sgd", "lr=0.01", "bits=2",
)  # fmt: skip


def run(module: str, *arguments: str, parts: Path | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
    """`python -m MODULE ARGUMENTS` in no folder of ours, with the packages in the folder `parts` importable."""
    environment = {name: value for name, value in os.environ.items() if name not in (VARIABLE, FOLDERS)}
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [PROJECT, *([parts] if parts else [])]))
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, env=environment | variables, cwd="/", capture_output=True, text=True, timeout=900, check=False
    )


def sweep(*arguments: str, results_dir: Path, parts: Path) -> str:
    """What the sweep prints; it must succeed."""
    given = {argument.partition("=")[0] for argument in arguments}
    tiny = [argument for argument in TINY if argument.partition("=")[0] not in given]
    done = run("sweep.run", "-m", *tiny, *arguments, f"results_dir={results_dir}", "hydra/launcher=local", parts=parts)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
