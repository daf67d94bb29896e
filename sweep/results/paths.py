"""Files that runs leave in a results directory besides their rows."""

from pathlib import Path


def checkpoint_path(results_dir: Path, run_id: str) -> Path:
    return results_dir / "checkpoints" / f"{run_id}.pt"


def weights_path(results_dir: Path, run_id: str) -> Path:
    return results_dir / "weights" / f"{run_id}.pt"
