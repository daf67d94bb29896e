"""Sweeps under random faults on a private SLURM: afterwards the rows must equal those of an undisturbed sweep.

    python benchmarks/chaos.py --faults 1000 --seed 0 --output benchmarks/chaos.md

Each round is a sweep of 200 short runs on a cluster of four nodes. Once a second or so one fault is drawn: a worker
is killed (SIGKILL), a task is requeued or told that it is about to end (SIGUSR2), a node goes down and comes back,
slurmctld freezes, the launcher itself is killed and started again. When the sweep is done its rows and curves must
be complete, single and equal, bit for bit, to those of the same sweep by the local launcher. Rounds follow until
enough faults are survived. Needs Debian's slurmctld, slurmd, slurm-client and munge.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from sweep.results.events import Died, Started
from sweep.results.journal import events_of
from sweep.results.paths import ResultsDir
from tests.cluster.cluster import SlurmCluster
from tests.sweeps import computed, curves

RUNS = 200
SWEEP = [
    "-m", "dataset=digits", "base_width=2", "width=2", "depth=2", "train_subset=200", "test_subset=100", "epochs=60",
    "optimizer=sgd", "lr=0.1", "weight_decay=0", "bits=2,4,8,32", f"seed=range(0,{RUNS // 4})",
]  # fmt: skip
ON_SLURM = [
    "hydra/launcher=slurm", "device=cpu", "hydra.launcher.gpus_per_task=0", "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1", "hydra.launcher.poll_s=0.5", "hydra.launcher.max_running_tasks=4",
    "checkpoint_seconds=0.5", "pack_minutes=0.05", "max_attempts=1000", "max_preemptions=1000",
    "max_node_losses=1000", "max_timeouts=1000",
]  # fmt: skip
ROUND_TIMEOUT_S = 1800
WARN_TIMEOUT_S = 3.0  # scancel tries for a minute where the task is just ending


class Round:
    """One sweep on the cluster, and the faults that it meets."""

    def __init__(self, cluster: SlurmCluster, results_dir: Path, dice: random.Random) -> None:
        self.cluster, self.results_dir, self.dice = cluster, results_dir, dice
        self.faults: Counter[str] = Counter()
        self._launcher = self._launch()

    def _launch(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "sweep.run", *SWEEP, *ON_SLURM, f"results_dir={self.results_dir}"]
        log = (self.results_dir.parent / f"{self.results_dir.name}.log").open("ab")
        return subprocess.Popen(command, env={**os.environ, **self.cluster.env}, stdout=log, stderr=log)

    def run(self, faults_wanted: int) -> None:
        """Until the sweep is done; no more faults once enough were made."""
        kinds: list[Callable[[], bool]] = [
            self.kill_worker, self.kill_worker, self.requeue, self.warn, self.lose_node, self.freeze, self.kill_launcher
        ]  # fmt: skip
        deadline = time.monotonic() + ROUND_TIMEOUT_S
        while self._launcher.poll() is None or self._relaunched_after_error():
            assert time.monotonic() < deadline, f"the sweep did not end; see {self.results_dir}.log"
            time.sleep(self.dice.uniform(0.2, 1.2))
            if sum(self.faults.values()) < faults_wanted:
                self._make(self.dice.choice(kinds))

    def _make(self, fault: Callable[[], bool]) -> None:
        """Counts the fault, unless what it was meant for had just ended."""
        try:
            self.faults[fault.__name__] += fault()
        except (RuntimeError, ProcessLookupError, TimeoutError) as error:
            print(f"{fault.__name__} came too late: {str(error).splitlines()[0]}", flush=True)

    def _relaunched_after_error(self) -> bool:
        """A launcher may give up while slurmctld is frozen before anything was submitted; the user tries again."""
        if self._launcher.returncode == 0:
            return False
        self._launcher = self._launch()
        return True

    def _tasks(self) -> list[str]:
        return self.cluster.run("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i").split()

    def kill_worker(self) -> bool:
        starts = [event for event in events_of(ResultsDir(self.results_dir).journals()) if isinstance(event, Started)]
        pids = [start.pid for start in starts if start.pid and Path(f"/proc/{start.pid}").exists()]
        if pids:
            os.kill(self.dice.choice(pids), signal.SIGKILL)
        return bool(pids)

    def requeue(self) -> bool:
        tasks = self._tasks()
        if tasks:
            self.cluster.run("scontrol", "requeue", self.dice.choice(tasks))
        return bool(tasks)

    def warn(self) -> bool:
        tasks = self._tasks()
        if tasks:
            self.cluster.run("scancel", "--signal=USR2", self.dice.choice(tasks), timeout_s=WARN_TIMEOUT_S)
        return bool(tasks)

    def lose_node(self) -> bool:
        node = f"node{self.dice.randint(1, 4)}"
        self.cluster.down_node(node)
        time.sleep(self.dice.uniform(0.5, 2))
        self.cluster.resume_node(node)
        return True

    def freeze(self) -> bool:
        self.cluster.freeze_slurmctld()
        time.sleep(self.dice.uniform(0.5, 4))
        self.cluster.thaw_slurmctld()
        return True

    def kill_launcher(self) -> bool:
        if self._launcher.poll() is not None:
            return False
        self._launcher.kill()
        self._launcher.wait()
        self._launcher = self._launch()
        return True

    def deaths(self) -> Counter[str]:
        events = events_of(ResultsDir(self.results_dir).journals())
        return Counter(event.cause for event in events if isinstance(event, Died))


def check(results_dir: Path, expected: Path) -> None:
    """Raises AssertionError unless the rows are complete, single and equal."""
    rows = pd.read_parquet(results_dir / "rows")
    assert len(rows) == rows["run_id"].nunique() == RUNS, f"{len(rows)} rows of {rows['run_id'].nunique()} runs"
    assert computed(results_dir) == computed(expected), "rows differ from the undisturbed sweep"
    pd.testing.assert_frame_equal(curves(results_dir), curves(expected))


def undisturbed(folder: Path) -> Path:
    command = [sys.executable, "-m", "sweep.run", *SWEEP, "hydra/launcher=local", f"results_dir={folder}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    dice, faults, deaths = random.Random(given.seed), Counter[str](), Counter[str]()
    started, rounds = time.monotonic(), 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, SlurmCluster(Path(folder) / "c") as cluster:
        expected = undisturbed(Path(folder) / "undisturbed")
        while sum(faults.values()) < given.faults:
            results_dir = Path(folder) / f"round-{rounds}"
            one = Round(cluster, results_dir, dice)
            one.run(given.faults - sum(faults.values()))
            check(results_dir, expected)
            cluster.cancel_all(timeout_s=120)
            rounds, faults, deaths = rounds + 1, faults + one.faults, deaths + one.deaths()
            minutes = (time.monotonic() - started) / 60
            print(
                f"round {rounds}: {sum(faults.values())} faults survived in {minutes:.0f} min; {dict(faults)}",
                flush=True,
            )
    report = "\n".join([
        f"{sum(faults.values())} faults in {rounds} sweeps of {RUNS} runs (seed {given.seed}): every sweep ended with",
        "rows and curves complete, single and equal, bit for bit, to those of an undisturbed sweep.", "",
        "| fault | times |", "|---|---|", *(f"| {name} | {count} |" for name, count in faults.most_common()), "",
        f"Workers that ended before their runs, by cause as told by the launcher: {dict(deaths)}.",
    ])  # fmt: skip
    print(report)
    if given.output:
        given.output.write_text(report + "\n")


if __name__ == "__main__":
    main()
