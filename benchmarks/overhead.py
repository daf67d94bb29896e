"""What a sweep costs beside training: runs that train nothing, through the local and the SLURM launcher.

    PYTHONPATH=. python benchmarks/overhead.py --runs 10000 [--launcher local|slurm]

Workers skip training and return a fixed result; everything else is as always: plan, packs, journals, curves, rows,
compaction. Prints seconds per run (wall, of the whole command, and CPU of the launcher), files per run before and
after compaction, and the launcher's peak memory for a tenth of the runs and for all.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

from tests.cluster.cluster import SlurmCluster

NO_TRAINING = """
import sys
if "launchers.start" in " ".join(sys.orig_argv):
    from sweep.results.schema import ROWS
    from sweep.worker.train import Training
    from sweep.worker.work import Outcome, Result
    NUMBERS = dict(train_loss=.5, test_loss=.75, train_acc=.8, test_acc=.7, gap=.25, best_epoch=1)
    def work_on(self, tasks, pack, stops):
        last = {f"last_{name}": value for name, value in NUMBERS.items() if name != "best_epoch"}
        record = dict(epoch=1, lr=.1, batch_loss=.5, train_loss=.5, test_loss=.75, train_acc=.8, test_acc=.7)
        columns = dict(**NUMBERS, **last, status="finished", at_chance=False, step_sizes_clamped=0, parameters=1,
                       device="cpu", train_size=1, test_size=1, epochs_trained=1, seconds=.001, images_per_s=1.)
        yield Outcome(tasks[0], Result(ROWS, columns, [dict(**record, run_id=tasks[0].run_id)]))
    Training.work_on = work_on
"""
ON_SLURM = [
    "device=cpu", "hydra.launcher.gpus_per_task=0", "hydra.launcher.cpus_per_task=1", "hydra.launcher.mem_gb=1",
    "hydra.launcher.poll_s=1", "hydra.launcher.max_running_tasks=4",
]  # fmt: skip


def sweep(runs: int, launcher: str, env: dict[str, str], folder: Path) -> None:
    results_dir = folder / f"{launcher}-{runs}"
    fault = folder / "site"
    fault.mkdir(exist_ok=True)
    (fault / "sitecustomize.py").write_text(NO_TRAINING)
    command = [
        sys.executable, "-m", "sweep.run", "-m", "dataset=digits", "base_width=2", "epochs=1", "grid=demo",
        "optimizer=sgd", "lr=0.1", "bits=2", f"seed=range(0,{runs})", f"hydra/launcher={launcher}",
        f"results_dir={results_dir}",
        *(ON_SLURM if launcher == "slurm" else []),
    ]  # fmt: skip
    path = os.pathsep.join([str(fault), env.get("PYTHONPATH", "")])
    started = time.monotonic()
    process = subprocess.Popen(command, env=env | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL)
    most_files = 0
    while os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is None:
        most_files = max(most_files, sum(len(files) for _, _, files in os.walk(results_dir)))
        time.sleep(5)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started
    files = sum(len(names) for _, _, names in os.walk(results_dir))
    assert status == 0
    print(
        f"{launcher}, {runs} runs: {wall_s / runs * 1000:.1f} ms per run, launcher's CPU "
        f"{(usage.ru_utime + usage.ru_stime) / runs * 1000:.2f} ms per run and peak {usage.ru_maxrss / 1024:.0f} MiB, "
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
