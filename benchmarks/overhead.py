"""What a sweep costs beside training: runs of one step, through the local and the SLURM launcher.

    PYTHONPATH=. python benchmarks/overhead.py --runs 10000 [--launcher local|slurm]

Prints milliseconds per run (wall, of the whole command; the worker's own of training; CPU of the launcher), files per
run before and after compaction, and the launcher's peak memory for a tenth of the runs and for all.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import pandas as pd

from tests.cluster.cluster import SlurmCluster

SMALLEST = [
    "dataset=digits", "model=nin", "base_width=1", "width=1", "depth=1", "train_subset=16", "test_subset=1", "epochs=1",
    "optimizer=sgd", "lr=0.1", "bits=2",
]  # fmt: skip
ON_SLURM = [
    "device=cpu", "hydra.launcher.gpus_per_task=0", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1",
    "hydra.launcher.poll_s=1", "hydra.launcher.max_running_tasks=4",
]  # fmt: skip


def sweep(runs: int, launcher: str, env: dict[str, str], folder: Path) -> None:
    results_dir = folder / f"{launcher}-{runs}"
    command = [
        sys.executable, "-m", "sweep.run", "-m", "grid=demo", *SMALLEST, f"seed=range(0,{runs})",
        f"hydra/launcher={launcher}", f"results_dir={results_dir}",
        *(ON_SLURM if launcher == "slurm" else []),
    ]  # fmt: skip
    started = time.monotonic()
    process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
    most_files = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        most_files = max(most_files, sum(len(files) for _, _, files in os.walk(results_dir)))
        time.sleep(5)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    files = sum(len(names) for _, _, names in os.walk(results_dir))
    assert status == 0
    training_s = pd.read_parquet(results_dir / "rows", columns=["seconds"])["seconds"].sum()
    print(
        f"{launcher}, {runs} runs: {wall_s / runs * 1000:.1f} ms per run ({training_s / runs * 1000:.1f} of training), "
        f"launcher's CPU {(usage.ru_utime + usage.ru_stime) / runs * 1000:.2f} ms per run "
        f"and peak {usage.ru_maxrss / 1024:.0f} MiB, "
        f"{files / runs:.3f} files per run (at most {most_files / runs:.1f} on the way)",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000)
    parser.add_argument("--launcher", choices=("local", "slurm"))
    given = parser.parse_args()
    for launcher in [given.launcher] if given.launcher else ["local", "slurm"]:
        with tempfile.TemporaryDirectory() as folder:
            cluster = SlurmCluster(Path(folder) / "c") if launcher == "slurm" else nullcontext()
            with cluster as running:
                env = dict(os.environ) | (dict(running.env) if running is not None else {})
                for runs in (given.runs // 10, given.runs):
                    sweep(runs, launcher, env, Path(folder))


if __name__ == "__main__":
    main()
