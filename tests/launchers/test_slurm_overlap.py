"""Sweeps on a real SLURM that share runs: what one has in the queue is left to it, and done where it fails to."""

from collections import Counter
from pathlib import Path

import pytest

from launchers.slurm.ledger import Confirmed
from sweep.results.events import Finished, Started
from sweep.results.journal import events_of
from sweep.results.lines import EventReader
from sweep.results.paths import ResultsDir
from tests.cluster.cluster import SlurmCluster
from tests.faulty import FAULTY, waiting
from tests.launchers.on_slurm import on_slurm, start
from tests.sweeps import ONE_OPTIMIZER, SMALL

A_PACK_PER_RUN = ["pack_minutes=0.0001"]
SWEEP = ["-m", *SMALL, *ONE_OPTIMIZER, FAULTY, "seed=0,1"]


def job_ids(results_dir: Path) -> list[str]:
    ledgers = (sweep.submissions for sweep in ResultsDir(results_dir).sweeps())
    confirmed = [event for ledger in ledgers for event in EventReader(ledger, [Confirmed]).new_events()]
    return [task for event in confirmed for task in event.tasks]


@pytest.mark.parametrize("is_cancelled", [False, True], ids=["done", "cancelled"])
def test_runs_that_are_queued_are_left_to_their_sweep(
    is_cancelled: bool, slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    """The first sweep waits at a gate when the second is planned; its tasks go through it, or are cancelled there."""
    results_dir, gate = tmp_path / "r", tmp_path / "gate"
    held = waiting(gate) | slurm.env | {"PYTHONUNBUFFERED": "1"}
    first = on_slurm([*SWEEP, "bits=2"], results_dir, held, "wait=false", *A_PACK_PER_RUN)
    assert first.returncode == 0, first.stderr
    (own,) = ResultsDir(results_dir).sweeps()
    queued = f"2 queued elsewhere: sweep {own.sweep_id}, jobs {', '.join(sorted(job_ids(results_dir)))}"
    both = [*SWEEP, "bits=2,4"]
    planned = on_slurm(both, results_dir, held, "dry_run=true")
    assert queued in planned.stdout
    left = on_slurm(both, results_dir, held, "wait=false", *A_PACK_PER_RUN)
    assert queued in left.stdout and "2 runs are left to other sweeps" in left.stdout
    assert len(job_ids(results_dir)) == 4
    second = start(both, results_dir, held, *A_PACK_PER_RUN)
    assert second.stdout is not None
    for line in second.stdout:
        if "2 runs are in SLURM's queue already" in line:
            break
    if is_cancelled:
        slurm.run("scancel", *(task for task in queued.rpartition("jobs ")[2].split(", ")))
    gate.touch()
    output = second.communicate(timeout=300)[0]
    assert second.returncode == 0 and "4 of 4 runs done" in output, output
    assert ("free: submitted here" in output) == is_cancelled
    found = events_of(ResultsDir(results_dir).journals())
    trained = Counter(event.task_id for event in found if isinstance(event, Finished) and event.seconds is not None)
    assert set(trained.values()) == {1} and len(trained) == 4
    if not is_cancelled:
        assert Counter(event.task_id for event in found if isinstance(event, Started)) == trained
