"""Sweeps that share runs: each run is trained once, by whoever claims it first, and all sweeps end with all rows."""

import os
import signal
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from launchers.deferred import Deferred
from launchers.elsewhere import Holder, held_elsewhere, in_words
from launchers.slurm import answers
from launchers.slurm.commands import ClusterUnavailable
from launchers.slurm.ledger import Ledger
from launchers.slurm.queue import TaskState
from sweep import run as run_command
from sweep.results import locks
from sweep.results.claimant import write_beat
from sweep.results.claims import Claims
from sweep.results.compaction import compact
from sweep.results.events import Elsewhere, Finished, Started
from sweep.results.journal import events_of, record
from sweep.results.paths import ResultsDir, SweepDir
from sweep.results.rows import rows_store
from tests.inline import run_inline
from tests.sweeps import ONE_OPTIMIZER, SMALL, computed, run, start, worker_pids
from tests.waiting import wait_until
from tests.worker.packs import pack_of

SWEEP = ["-m", *SMALL, *ONE_OPTIMIZER]


def trainings(results_dir: Path) -> tuple[Counter[str], Counter[str]]:
    """How often each run was started, and trained to its end."""
    events = events_of(ResultsDir(results_dir).journals())
    started = Counter(event.task_id for event in events if isinstance(event, Started))
    trained = [event.task_id for event in events if isinstance(event, Finished) and event.seconds is not None]
    return started, Counter(trained)


def test_three_commands_at_once_train_every_run_once(tmp_path: Path) -> None:
    where = [f"results_dir={tmp_path / 'r'}", "workers=1", "pack_minutes=0.001"]
    grids = (["bits=2,4", "seed=0,1,2"], ["bits=2,4,8", "seed=0,1"], ["bits=4", "seed=range(0,4)"])
    commands = [start(*SWEEP, *grid, *where) for grid in grids]
    outputs = [command.communicate(timeout=600)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0, 0], "\n".join(outputs)
    started, trained = trainings(tmp_path / "r")
    assert set(trained.values()) == {1} and started == trained and len(trained) == 9
    rows = pd.read_parquet(tmp_path / "r" / "rows")
    assert len(rows) == rows["run_id"].nunique() == 9


def test_a_search_beside_a_grid_trains_every_run_once(tmp_path: Path) -> None:
    where = [f"results_dir={tmp_path / 'r'}", "workers=1", "pack_minutes=0.001"]
    searched = ["hydra/sweeper=optuna", "sampler=random", "n_trials=4"]
    commands = [start(*SWEEP, "bits=2,4", "seed=choice(0,1)", *more, *where) for more in ([], searched)]
    outputs = [command.communicate(timeout=600)[0] for command in commands]
    assert [command.returncode for command in commands] == [0, 0], "\n".join(outputs)
    assert "4 trials (4 complete)" in outputs[1]
    started, trained = trainings(tmp_path / "r")
    assert set(trained.values()) == {1} and started == trained and len(trained) == 4


def test_what_a_killed_command_had_is_done_by_another(tmp_path: Path) -> None:
    """The first is killed with its workers in the middle; the second waits for its runs, and then trains them."""
    where = [f"results_dir={tmp_path / 'r'}", "workers=1", "epochs=600"]
    first = start(*SWEEP, "bits=2", "seed=0,1", *where)
    wait_until(lambda: len(worker_pids(tmp_path / "r")) > 0, 120, "a run to start")
    second = start(*SWEEP, "bits=2,4", "seed=0", *where)
    (own,) = (tmp_path / "r" / "sweeps").iterdir()
    wait_until(lambda: len(list((tmp_path / "r" / "sweeps").iterdir())) > 1, 120, "the second to plan")
    first.kill()
    for pid in worker_pids(tmp_path / "r") - {second.pid}:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    first.communicate()
    output = second.communicate(timeout=600)[0]
    assert second.returncode == 0, output
    assert f"1 queued elsewhere: sweep {own.name}" in output and "free: submitted here" in output
    _, trained = trainings(tmp_path / "r")
    assert set(trained.values()) == {1} and len(trained) == 2


class Others:
    """Another sweep of a results directory, with one run of `pack_of`, as it is while its launcher works."""

    def __init__(self, folder: Path) -> None:
        self.pack = pack_of(1, folder, sweep_id="theirs")
        self.task_id = self.pack.tasks[0].task_id
        self.sweep = SweepDir(Path(self.pack.sweep_dir))
        self.own = ResultsDir(folder).sweep("ours")
        self.sweep.path.mkdir(parents=True)

    def write_plan(self, state: str = "new", rerun: str = "missing") -> None:
        table = pa.table({"task_id": [self.task_id], "run_id": [self.task_id], "state": [state]})
        pq.write_table(table.replace_schema_metadata({"rerun": rerun}), self.sweep.plan)

    def held(self) -> dict[str, Holder]:
        return held_elsewhere(self.own, [self.task_id, "another"])


@pytest.fixture
def others(tmp_path: Path) -> Others:
    return Others(tmp_path)


def test_a_launcher_at_work_has_what_its_plan_has_left(others: Others) -> None:
    others.write_plan()
    assert others.held() == {}
    with others.sweep.lock.open("w") as stream:
        assert locks.lock(stream)
        assert others.held() == {others.task_id: Holder("theirs")}
        others.write_plan("done")
        assert others.held() == {}
        others.write_plan("elsewhere")
        assert others.held() == {}
        others.write_plan("stale")
        assert others.held() == {}
        others.write_plan("stale", rerun="stale")
        assert others.held() == {others.task_id: Holder("theirs")}
    assert others.held() == {}


def test_a_launcher_does_not_have_what_ended_or_what_it_left_to_others(others: Others) -> None:
    """Two launchers that waited for each other would wait for ever."""
    others.write_plan()
    with others.sweep.lock.open("w") as stream:
        locks.lock(stream)
        for event, held in (
            (Elsewhere(others.task_id), 0),
            (Started(others.task_id), 1),
            (Finished(others.task_id), 0),
        ):
            record(others.pack.journal, event)
            assert len(others.held()) == held


def test_a_claim_of_a_living_process_is_one_of_its_sweep(others: Others) -> None:
    others.write_plan()
    for sweep_id, held in (("theirs", {others.task_id: Holder("theirs", "7_1")}), ("ours", {})):
        claims = Claims(others.own.results, 120.0, sweep_id, job_id="7_1")
        claims.announce()
        claims.take(others.task_id)
        assert others.held() == held
        write_beat(claims._file, "over")
        assert others.held() == {}


def test_a_ledger_counts_as_far_as_slurm_has_its_tasks(others: Others, monkeypatch: pytest.MonkeyPatch) -> None:
    others.write_plan()
    ledger = Ledger(others.sweep)
    ledger.announce("qsweep-theirs-1", [others.pack])
    ledger.confirm("qsweep-theirs-1", ["7_0"])
    asked = []

    def held(found: dict[str, TaskState] | None) -> dict[str, Holder]:
        """Where SLURM shows `found`, or does not answer."""

        def queue(jobs: object) -> dict[str, TaskState]:
            asked.append(jobs)
            if found is None:
                raise ClusterUnavailable("no answer")
            return found

        monkeypatch.setattr(answers, "queue", queue)
        others.own.results.queue.unlink(missing_ok=True)  # an answer of before
        return others.held()

    own = ("qsweep-theirs-1",)
    theirs = {others.task_id: Holder("theirs", "7_0")}
    assert held({"7_0": TaskState("PENDING", names=own)}) == theirs
    assert others.held() == theirs and len(asked) == 1  # of the answer that there is
    for gone in ({}, {"7_0": TaskState("COMPLETED", names=own)}, {"7_0": TaskState("RUNNING")}, None):
        assert held(gone) == {}
    before = len(asked)
    assert held_elsewhere(others.own, ["another"]) == {} and len(asked) == before


def test_words_for_what_is_elsewhere() -> None:
    held = {f"t{i}": Holder("a", f"7_{i}") for i in range(8)} | {"u": Holder("b")}
    first, second = in_words(held.values()).splitlines()
    assert first == "8 queued elsewhere: sweep a, jobs 7_0, 7_1, 7_2, 7_3, 7_4 and 3 more"
    assert second == "1 queued elsewhere: sweep b"


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def claimed_elsewhere(others: Others, clock: Time) -> tuple[Deferred, Claims]:
    """The run as a launch follows it, and the claims of who has it."""
    own, theirs = (Claims(others.own.results, 120.0, name, clock=clock) for name in ("ours", "theirs"))
    for claims in (own, theirs):
        claims.announce()
    theirs.take(others.task_id)
    deferred = Deferred(others.own, others.pack.settings, own, clock)
    deferred.add(others.pack.tasks)
    return deferred, theirs


def test_a_deferred_task_ends_with_a_row_also_a_merged_one(others: Others) -> None:
    clock = Time()
    deferred, _ = claimed_elsewhere(others, clock)
    assert deferred.look() == ([], []) and len(deferred) == 1
    store = rows_store(others.own.results.path)
    for key in (others.task_id, "f" * 64):
        store.write(key, [{"run_id": key, "status": "finished", "code": "theirs"}])
    compact(store)
    assert not store.shard(others.task_id).exists()
    assert deferred.look() == ([], [])  # not so often
    clock.now += 10
    assert deferred.look() == ([Finished(others.task_id)], []) and not deferred


def test_a_deferred_task_is_free_when_nobody_has_it_any_more(others: Others) -> None:
    clock = Time()
    deferred, theirs = claimed_elsewhere(others, clock)
    others.write_plan()
    with others.sweep.lock.open("w") as stream:
        locks.lock(stream)
        for _ in range(10):
            clock.now += 10
            theirs.beat()
            assert deferred.look() == ([], [])
        write_beat(theirs._file, "over")
        for _ in range(10):
            clock.now += 10
            assert deferred.look() == ([], [])  # its launcher goes on
    clock.now += 20
    assert deferred.look() == ([], list(others.pack.tasks)) and not deferred
    assert theirs.take("b" * 64) is None


def test_a_plan_leaves_to_others_what_they_have_in_hand(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other has two of four runs; it ends one, and gives up the other."""
    monkeypatch.setattr("launchers.deferred.ASK_QUEUE_EVERY_S", 0.0)
    monkeypatch.setattr("launchers.deferred.LOOK_EVERY_S", 0.0)
    where = [f"results_dir={tmp_path}", "workers=1"]
    run_inline(run_command, monkeypatch, *SWEEP, "bits=2", "seed=0,1", *where, "dry_run=true")
    assert "elsewhere" not in capsys.readouterr().out
    run_inline(run_command, monkeypatch, *SWEEP, "bits=2", "seed=0,1", f"results_dir={tmp_path / 'all'}")
    ids = sorted(row["run_id"] for row in computed(tmp_path / "all"))
    theirs = Claims(ResultsDir(tmp_path), 120.0, "theirs", job_id="7_1")
    theirs.announce()
    assert [theirs.take(run_id) for run_id in ids] == [None, None]
    capsys.readouterr()
    run_inline(run_command, monkeypatch, *SWEEP, "bits=2,4", "seed=0,1", *where, "dry_run=true")
    output = capsys.readouterr().out
    assert "2 queued elsewhere: sweep theirs, jobs 7_1" in output and "elsewhere" in output.splitlines()[2]

    def look(deferred: Deferred) -> object:
        (row,) = [row for row in rows_store(tmp_path / "all").read().to_pylist() if row["run_id"] == ids[0]]
        rows_store(tmp_path).write(ids[0], [row])
        write_beat(theirs._file, "over")
        return good(deferred)

    good = Deferred.look
    monkeypatch.setattr(Deferred, "look", look)
    run_inline(run_command, monkeypatch, *SWEEP, "bits=2,4", "seed=0,1", *where)
    output = capsys.readouterr().out
    assert "4 of 4 runs done" in output, output
    assert "1 runs that were left to others are free" in output, output
    (plan,) = tmp_path.glob("sweeps/*/plan.parquet")
    states = pd.read_parquet(plan).set_index("run_id")["state"]
    assert Counter(states) == {"new": 2, "elsewhere": 2} and set(states[states == "elsewhere"].index) == set(ids)
    _, trained = trainings(tmp_path)
    assert set(trained.values()) == {1} and ids[0] not in trained and len(trained) == 3


def test_a_folder_without_claims_is_an_error_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "claims").write_text("")
    done = run(*SWEEP, "bits=2", "seed=0", f"results_dir={tmp_path}")
    assert done.returncode == 1 and "no claim on a run can be made in" in done.stdout + done.stderr
    assert not list(tmp_path.glob("sweeps/*/journal/*"))
