"""Programs that stand in for SLURM's own."""

from pathlib import Path


def install(folder: Path, **scripts: str) -> Path:
    """Programs that do what the scripts say."""
    folder.mkdir(exist_ok=True)
    for name, script in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{script}\n")
        (folder / name).chmod(0o755)
    return folder
