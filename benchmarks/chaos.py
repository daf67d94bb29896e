"""Sweeps under random faults on a private SLURM: afterwards the rows must equal those of an undisturbed sweep.

    python benchmarks/chaos.py --faults 1000 --seed 0 --output benchmarks/chaos.md [--runs 200]

Each round is two sweeps at once that share half of their runs, short ones, on a cluster of four nodes.
Once a second or so one fault is drawn: a worker is killed (SIGKILL), also just between the row of a run and its line in
the journal, or sleeps for longer than its claims last; a task is requeued or told that it is about to end (SIGUSR2); a
node goes down and comes back; slurmctld freezes; a launcher is killed and started again. When both sweeps are done the
rows and curves must be complete, single and equal, bit for bit, to those of an undisturbed sweep by the local launcher,
and no run may have been trained to its end twice. Rounds follow until enough faults are survived. Needs Debian's
slurmctld, slurmd, slurm-client and munge.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pandas as pd

from sweep.results.claimant import read_claimant
from sweep.results.events import Died, Elsewhere, End, Event, Finished, Started
from sweep.results.journal import events_of
from sweep.results.paths import ResultsDir
from tests.cluster.cluster import SlurmCluster
from tests.sweeps import computed, curves

RUN = [
    "-m", "dataset=digits", "base_width=2", "width=2", "depth=2", "train_subset=200", "test_subset=100", "epochs=60",
    "optimizer=sgd", "lr=0.1", "weight_decay=0",
]  # fmt: skip
ALL, SWEEPS = "bits=2,4,8,32", ("bits=2,4,8", "bits=4,8,32")
CLAIM_TIMEOUT_S = 4.0
ON_SLURM = [
    "hydra/launcher=slurm", "device=cpu", "hydra.launcher.gpus_per_task=0", "hydra.launcher.cpus_per_task=1",
    "hydra.launcher.mem_gb=1", "hydra.launcher.poll_s=0.5", "hydra.launcher.max_running_tasks=4",
    "checkpoint_seconds=0.5", "pack_minutes=0.05", "max_attempts=1000", "max_preemptions=1000",
    "max_node_losses=1000", "max_timeouts=1000", f"claim_timeout_s={CLAIM_TIMEOUT_S}",
]  # fmt: skip
ROUND_TIMEOUT_S = 1800
WARN_TIMEOUT_S = 3.0  # scancel tries for a minute where the task is just ending
SLEEP_S = 1.5 * CLAIM_TIMEOUT_S  # of a worker whose claims are then taken over
LIE_IN_WAIT_S = 10.0  # for a row without its line in the journal, which is there for a millisecond
STEP_S, STEPS = 0.0003, 500


class Round:
    """Two sweeps on the cluster, and the faults that they meet."""

    def __init__(self, cluster: SlurmCluster, results_dir: Path, dice: random.Random, runs: int) -> None:
        self.cluster, self.results_dir, self.dice = cluster, results_dir, dice
        self._run = [*RUN, seeds(runs)]
        self.results = ResultsDir(results_dir)
        self.faults: Counter[str] = Counter()
        self.without_line: dict[str, pd.Timestamp] = {}  # when runs ended whose worker was killed before it said so
        self._launchers = {bits: self._launch(bits) for bits in SWEEPS}

    def _launch(self, bits: str) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "sweep.run", *self._run, bits, *ON_SLURM, f"results_dir={self.results_dir}"]
        log = (self.results_dir.parent / f"{self.results_dir.name}.log").open("ab")
        return subprocess.Popen(command, env={**os.environ, **self.cluster.env}, stdout=log, stderr=log)

    def run(self, faults_wanted: int) -> None:
        """Until the sweeps are done; no more faults once enough were made."""
        kinds: list[Callable[[], bool]] = [
            self.kill_worker, self.kill_after_row, self.suspend_worker, self.requeue, self.warn, self.lose_node,
            self.freeze, self.kill_launcher,
        ]  # fmt: skip
        deadline = time.monotonic() + ROUND_TIMEOUT_S
        while self._relaunched_or_alive():
            assert time.monotonic() < deadline, f"the sweeps did not end; see {self.results_dir}.log"
            time.sleep(self.dice.uniform(0.2, 1.2))
            if sum(self.faults.values()) < faults_wanted:
                self._make(self.dice.choice(kinds))

    def _make(self, fault: Callable[[], bool]) -> None:
        """Counts the fault, unless what it was meant for had just ended."""
        try:
            self.faults[fault.__name__] += fault()
        except (RuntimeError, ProcessLookupError, TimeoutError) as error:
            print(f"{fault.__name__} came too late: {str(error).splitlines()[0]}", flush=True)

    def _relaunched_or_alive(self) -> bool:
        """A launcher may give up while slurmctld is frozen before anything was submitted; the user tries again."""
        for bits, launcher in self._launchers.items():
            if launcher.poll():
                self._launchers[bits] = self._launch(bits)
        return any(launcher.poll() is None for launcher in self._launchers.values())

    def _tasks(self) -> list[str]:
        return self.cluster.run("squeue", "--noheader", "--array", "--states=RUNNING", "--format=%i").split()

    def _events(self) -> list[Event]:
        return events_of(self.results.journals())

    def _workers(self) -> list[int]:
        pids = {event.pid for event in self._events() if isinstance(event, Started) and event.pid}
        return [pid for pid in sorted(pids) if Path(f"/proc/{pid}").exists()]

    def kill_worker(self) -> bool:
        pids = self._workers()
        if pids:
            os.kill(self.dice.choice(pids), signal.SIGKILL)
        return bool(pids)

    def suspend_worker(self) -> bool:
        pids = self._workers()
        if pids:
            pid = self.dice.choice(pids)
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(SLEEP_S, _wake, [pid]).start()
        return bool(pids)

    def kill_after_row(self) -> bool:
        """Lies in wait for a worker that is about to write a row, and kills it before it can say so in its journal."""
        earlier, deadline = set(self._seals()), time.monotonic() + LIE_IN_WAIT_S
        while time.monotonic() < deadline:
            for seal in set(self._seals()) - earlier:
                claimant = read_claimant(seal)
                if claimant is not None:
                    return self._kill_at_row(seal.name.partition(".")[0], claimant.pid)
        return False

    def _seals(self) -> Iterator[Path]:
        return self.results.claims.glob("?" * 64 + ".?*")

    def _kill_at_row(self, run_id: str, pid: int) -> bool:
        """Lets the worker go on in steps of a fraction of a millisecond; tells if it was killed in time."""
        shard = self.results.table("rows") / f"{run_id}.parquet"
        for _ in range(STEPS):
            os.kill(pid, signal.SIGSTOP)
            if shard.exists():
                break
            os.kill(pid, signal.SIGCONT)
            time.sleep(STEP_S)
        if not shard.exists() or self._has_ended(run_id):
            os.kill(pid, signal.SIGCONT)
            return False
        self.without_line[run_id] = pd.read_parquet(shard)["ended_at"].item()
        os.kill(pid, signal.SIGKILL)
        return True

    def _has_ended(self, run_id: str) -> bool:
        return any(isinstance(event, End) and event.task_id == run_id for event in self._events())

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
        bits = self.dice.choice(SWEEPS)
        launcher = self._launchers[bits]
        if launcher.poll() is not None:
            return False
        launcher.kill()
        launcher.wait()
        self._launchers[bits] = self._launch(bits)
        return True

    def deaths(self) -> Counter[str]:
        return Counter(event.cause for event in self._events() if isinstance(event, Died))

    def dropped(self) -> int:
        """How often a worker passed a run over that another had, or dropped it because another had taken it."""
        return sum(isinstance(event, Elsewhere) for event in self._events())

    def trained_twice(self) -> int:
        """Runs that were trained to their end more than once."""
        ends = [event.task_id for event in self._events() if isinstance(event, Finished) and event.seconds is not None]
        rows = pd.read_parquet(self.results_dir / "rows").set_index("run_id")["ended_at"]
        again = {run_id for run_id, ended_at in self.without_line.items() if rows[run_id] != ended_at}
        return len({run_id for run_id, count in Counter(ends).items() if count > 1} | again)


def _wake(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def seeds(runs: int) -> str:
    """Returns the axis that makes so many of the four bit widths."""
    return f"seed=range(0,{runs // 4})"


def check(results_dir: Path, expected: Path, runs: int) -> None:
    """Raises AssertionError unless the rows are complete, single and equal."""
    rows = pd.read_parquet(results_dir / "rows")
    assert len(rows) == rows["run_id"].nunique() == runs, f"{len(rows)} rows of {rows['run_id'].nunique()} runs"
    assert computed(results_dir) == computed(expected), "rows differ from the undisturbed sweep"
    pd.testing.assert_frame_equal(curves(results_dir), curves(expected))


def undisturbed(folder: Path, runs: int) -> Path:
    command = [
        sys.executable,
        "-m",
        "sweep.run",
        *RUN,
        seeds(runs),
        ALL,
        "hydra/launcher=local",
        f"results_dir={folder}",
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    dice, faults, deaths = random.Random(given.seed), Counter[str](), Counter[str]()
    started, rounds, twice, dropped = time.monotonic(), 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, SlurmCluster(Path(folder) / "c") as cluster:
        expected = undisturbed(Path(folder) / "undisturbed", given.runs)
        while sum(faults.values()) < given.faults:
            results_dir = Path(folder) / f"round-{rounds}"
            one = Round(cluster, results_dir, dice, given.runs)
            one.run(given.faults - sum(faults.values()))
            check(results_dir, expected, given.runs)
            cluster.cancel_all(timeout_s=120)
            rounds, faults, deaths = rounds + 1, faults + one.faults, deaths + one.deaths()
            twice, dropped = twice + one.trained_twice(), dropped + one.dropped()
            minutes = (time.monotonic() - started) / 60
            print(
                f"round {rounds}: {sum(faults.values())} faults survived in {minutes:.0f} min; {dict(faults)}; "
                f"{twice} runs trained twice",
                flush=True,
            )
    report = "\n".join([
        f"{sum(faults.values())} faults in {rounds} rounds of two sweeps that share half of {given.runs} runs (seed",
        f"{given.seed}): every sweep ended with rows and curves complete, single and equal, bit for bit, to those of",
        f"an undisturbed sweep. Runs trained to their end twice: {twice}.", "",
        "| fault | times |", "|---|---|", *(f"| {name} | {count} |" for name, count in faults.most_common()), "",
        f"Runs that a worker left to another that had them, or had taken them while it slept: {dropped} times.",
        f"Workers that ended before their runs, by cause as told by the launcher: {dict(deaths)}.",
    ])  # fmt: skip
    print(report)
    if given.output:
        given.output.write_text(report + "\n")


if __name__ == "__main__":
    main()
