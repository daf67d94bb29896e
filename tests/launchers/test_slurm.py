"""Sweeps on a real SLURM: equal to local ones, whatever happens to tasks, nodes, the controller and the launcher."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from launchers.slurm.ledger import Confirmed
from sweep.results.events import Requeued, Started
from sweep.results.lines import EventReader
from tests.cluster.cluster import SlurmCluster
from tests.commands.measurements import FAST, measure, measured
from tests.faulty import FAULTY, failing, waiting
from tests.launchers.on_slurm import ON_CPUS, events, finish, on_slurm, start
from tests.outside.packages import QUANTIZER, package
from tests.sweeps import SMALL, computed, curves, run
from tests.waiting import wait_until
from tests.worker.crashing_sweep import SWEEP as CRASHES
from tests.worker.crashing_sweep import check_crashes, crashing_workers

A_PACK_PER_RUN = ["pack_minutes=0.0001"]
EIGHT = ["-m", *SMALL, "optimizer=sgd", "weight_decay=0", "lr=0.1,1e30", "bits=2,32", "seed=0,1"]
LONGER = [*SMALL, "optimizer=sgd", "lr=0.1", "bits=2", "epochs=16000"]  # one run, minutes long
LONG = ["-m", *SMALL, "optimizer=sgd", "weight_decay=0", "lr=0.1", "bits=2,32", "seed=0,1", "epochs=250"]


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Callable[[list[str]], Path]:
    """The results of a sweep by the local launcher, each trained once."""
    done: dict[str, Path] = {}

    def results_of(sweep: list[str]) -> Path:
        key = " ".join(sweep)
        if key not in done:
            done[key] = tmp_path_factory.mktemp("local") / "r"
            assert run(*sweep, f"results_dir={done[key]}").returncode == 0
        return done[key]

    return results_of


def table_csv(results_dir: Path) -> str:
    command = [sys.executable, "-m", "sweep.tables", f"results_dir={results_dir}", "format=csv"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def wait_for_runs(results_dir: Path, count: int = 1) -> None:
    wait_until(lambda: len({event.task_id for event in events(results_dir, Started)}) >= count, 60, "runs to start")


def wait_for_checkpoints(results_dir: Path, count: int = 1) -> None:
    """Of runs in their midst."""
    wait_until(lambda: len(list(results_dir.glob("checkpoints/*.pt"))) >= count, 60, "checkpoints")


def job_ids(results_dir: Path) -> list[str]:
    (ledger,) = results_dir.glob("sweeps/*/submissions.jsonl")
    return [task for event in EventReader(ledger, [Confirmed]).new_events() for task in event.tasks]


def test_rows_curves_and_table_equal_the_local_launchers(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    sweep = ["-m", "grid=demo", *SMALL]
    done = on_slurm(sweep, tmp_path / "r", env, "pack_minutes=0.002")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "36 of 36 runs done" in done.stdout
    expected = local(sweep)
    assert computed(tmp_path / "r") == computed(expected)
    pd.testing.assert_frame_equal(curves(tmp_path / "r"), curves(expected))
    tables = [table_csv(results) for results in (tmp_path / "r", expected)]
    assert tables[0] == tables[1] and "digits" in tables[0]
    assert len(list((tmp_path / "r" / "rows").glob("*.parquet"))) == 1


def test_slurm_is_chosen_by_itself_but_not_inside_a_job(env: dict[str, str], tmp_path: Path) -> None:
    arguments = [a for a in ON_CPUS if a != "hydra/launcher=slurm"]
    command = [sys.executable, "-m", "sweep.run", *SMALL, *arguments, f"results_dir={tmp_path / 'r'}"]
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert len(job_ids(tmp_path / "r")) == 1
    inside = subprocess.run(
        [sys.executable, "-m", "sweep.run", *SMALL, "bits=2", f"results_dir={tmp_path / 'l'}"],
        capture_output=True, text=True, env=env | {"SLURM_JOB_ID": "1"},
    )  # fmt: skip
    assert inside.returncode == 0, inside.stderr
    assert not list((tmp_path / "l").glob("sweeps/*/submissions.jsonl"))


def test_variables_of_a_surrounding_job_are_not_obeyed(env: dict[str, str], tmp_path: Path) -> None:
    inherited = {"SLURM_JOB_ID": "7", "SLURM_NTASKS": "999", "SBATCH_TIMELIMIT": "1", "SLURM_ARRAY_TASK_ID": "3"}
    done = on_slurm(SMALL, tmp_path / "r", env | inherited, "hydra.launcher.gpus_per_task=1")
    assert done.returncode == 0, done.stdout + done.stderr
    (script,) = (tmp_path / "r").glob("sweeps/*/logs/*_submission.sh")
    assert "--gpus-per-node=1" in script.read_text()


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("hydra.launcher.partition=nowhere", "invalid partition"),
        ("hydra.launcher.mem_gb=100000", "Memory specification can not be satisfied"),
        ("hydra.launcher.constraint=quantum", "Invalid feature specification"),
    ],
)
def test_what_slurm_refuses_is_a_clear_error_and_leaves_nothing(
    option: str, message: str, slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    done = on_slurm(EIGHT, tmp_path / "r", env, option)
    assert done.returncode == 1
    assert "SLURM refused the job" in done.stderr and message.lower() in done.stderr.lower()
    assert "Traceback" not in done.stderr
    assert not list((tmp_path / "r").rglob("*.pkl"))
    assert slurm.run("squeue", "--noheader") == ""


def test_arrays_are_split_at_max_array_size(
    tmp_path_factory: pytest.TempPathFactory, slurm: SlurmCluster, tmp_path: Path
) -> None:
    with SlurmCluster(tmp_path_factory.mktemp("small"), max_array_size=11) as cluster:
        env = dict(os.environ) | dict(cluster.env)
        done = on_slurm(["-m", "grid=demo", *SMALL, "epochs=1"], tmp_path / "r", env, *A_PACK_PER_RUN, "wait=false")
        assert done.returncode == 0, done.stdout + done.stderr
        ids = job_ids(tmp_path / "r")
        assert len(ids) == 36
        assert sorted(Counter(task.partition("_")[0] for task in ids).values()) == [3, 11, 11, 11]
        cluster.cancel_all(timeout_s=60)


def test_leave_and_come_back(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    """No run ends before the second command has seen all four in the queue."""
    results_dir, gate = tmp_path / "r", tmp_path / "gate"
    sweep, held = [*EIGHT, "lr=0.1", FAULTY], waiting(gate) | slurm.env | {"PYTHONUNBUFFERED": "1"}
    left = on_slurm(sweep, results_dir, held, "wait=false", *A_PACK_PER_RUN)
    assert left.returncode == 0, left.stderr
    assert "4 tasks stay in SLURM's queue" in left.stdout and "sweep.cancel" in left.stdout
    back = start(sweep, results_dir, held, *A_PACK_PER_RUN)
    assert back.stdout is not None
    said = list(iter_until("4 runs are in SLURM's queue already", back.stdout))
    gate.touch()
    output = "".join(said) + finish(back)
    assert back.returncode == 0 and "4 of 4 runs done" in output, output
    assert set(Counter(event.task_id for event in events(results_dir, Started)).values()) == {1}
    assert computed(results_dir) == computed(local(sweep))


def iter_until(words: str, lines: Iterable[str]) -> Iterator[str]:
    """The lines up to the first one with these words, which must come."""
    for line in lines:
        yield line
        if words in line:
            return
    raise AssertionError(f"{words}: never said")


def test_ctrl_c_leaves_jobs_status_shows_them_cancel_ends_them(
    slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    results_dir = tmp_path / "r"
    forever = [a.replace("epochs=250", "epochs=100000") for a in LONG]
    sweep = start(forever, results_dir, env)
    wait_for_runs(results_dir)
    second = on_slurm(forever, results_dir, env)
    assert second.returncode == 1 and "is being trained by process" in second.stderr
    sweep.send_signal(signal.SIGINT)
    output = finish(sweep)
    assert sweep.returncode == 130
    assert "stay in SLURM's queue. The same command follows them again" in output
    assert "RUNNING" in slurm.run("squeue", "--noheader", "--format=%T")

    def command(name: str) -> str:
        arguments = [sys.executable, "-m", f"sweep.{name}", f"results_dir={results_dir}"]
        return subprocess.run(arguments, capture_output=True, text=True, env=env, check=True).stdout

    shown = command("status")
    assert "tasks in SLURM: 4 running" in shown and "waiting" in shown
    assert "4 tasks cancelled" in command("cancel")
    slurm.wait_idle(timeout_s=30)
    assert list(results_dir.glob("checkpoints/*.pt"))  # SIGTERM: the run was saved
    assert "tasks in SLURM" not in command("status")


def worker_pids(results_dir: Path) -> set[int]:
    return {event.pid for event in events(results_dir, Started) if event.pid and Path(f"/proc/{event.pid}").exists()}


def kill_workers(slurm: SlurmCluster, results_dir: Path) -> None:
    for pid in worker_pids(results_dir):
        os.kill(pid, signal.SIGKILL)


def requeue_all(slurm: SlurmCluster, results_dir: Path) -> None:
    for task in job_ids(results_dir):
        slurm.run("scontrol", "requeue", task)


def warn_all(slurm: SlurmCluster, results_dir: Path) -> None:
    """As SLURM does before the time limit, or before it preempts."""
    for task in job_ids(results_dir):
        slurm.run("scancel", "--signal=USR2", task)


def freeze(slurm: SlurmCluster, results_dir: Path) -> None:
    slurm.freeze_slurmctld()
    time.sleep(4)
    slurm.thaw_slurmctld()


def suspend(slurm: SlurmCluster, results_dir: Path) -> None:
    tasks = job_ids(results_dir)
    for task in tasks:
        slurm.run("scontrol", "suspend", task)
    time.sleep(3)
    for task in tasks:
        slurm.run("scontrol", "resume", task)


def kill_controller(slurm: SlurmCluster, results_dir: Path) -> None:
    slurm.kill_slurmctld()
    time.sleep(2)
    slurm.start_slurmctld()


@pytest.mark.parametrize("fault", [kill_workers, requeue_all, warn_all, freeze, suspend, kill_controller])
def test_a_fault_changes_no_number(
    fault: Callable[[SlurmCluster, Path], None], slurm: SlurmCluster, env: dict[str, str],
    local: Callable[[list[str]], Path], tmp_path: Path,
) -> None:  # fmt: skip
    results_dir = tmp_path / "r"
    sweep = start(LONG, results_dir, env, "checkpoint_seconds=0.5")
    wait_for_checkpoints(results_dir)
    fault(slurm, results_dir)
    output = finish(sweep)
    assert sweep.returncode == 0, output
    assert "4 of 4 runs done" in output
    assert computed(results_dir) == computed(local(LONG))
    pd.testing.assert_frame_equal(curves(results_dir), curves(local(LONG)))
    if fault is kill_workers:
        assert "killed, 1 of at most 3 times" in output
    if fault is warn_all:
        assert [event.cause for event in events(results_dir, Requeued)] == ["preempted"]


@pytest.mark.parametrize("fault", [kill_workers, requeue_all, warn_all])
def test_a_fault_changes_no_number_of_an_array(
    fault: Callable[[SlurmCluster, Path], None], slurm: SlurmCluster, env: dict[str, str],
    local: Callable[[list[str]], Path], tmp_path: Path,
) -> None:  # fmt: skip
    """Four members; a killed worker leaves halves."""
    results_dir, as_array = tmp_path / "r", [*LONG, "engine=array", "device=cpu"]
    sweep = start(as_array, results_dir, env, "checkpoint_seconds=0.5")
    wait_for_checkpoints(results_dir, count=4)
    fault(slurm, results_dir)
    output = finish(sweep)
    assert sweep.returncode == 0 and "4 of 4 runs done" in output, output
    assert ("killed; in halves now" in output) == (fault is kill_workers)
    found, expected = (pd.DataFrame(computed(each)) for each in (results_dir, local(as_array)))
    pd.testing.assert_frame_equal(found.drop(columns="array_size"), expected.drop(columns="array_size"))
    pd.testing.assert_frame_equal(curves(results_dir), curves(local(as_array)))


def test_a_killed_launcher_is_succeeded_by_the_same_command(
    env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    results_dir = tmp_path / "r"
    sweep = start(LONG, results_dir, env, *A_PACK_PER_RUN)
    wait_for_runs(results_dir)
    sweep.kill()
    finish(sweep)
    done = on_slurm(LONG, results_dir, env, *A_PACK_PER_RUN)
    assert "4 of 4 runs done" in done.stdout or "nothing to do" in done.stdout, done.stdout + done.stderr
    assert set(Counter(event.task_id for event in events(results_dir, Started)).values()) == {1}
    assert computed(results_dir) == computed(local(LONG))


def test_a_preempted_task_goes_on_from_its_checkpoint(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    """Without a warning: SLURM requeues the task, which starts again from the beginning of its pack."""
    results_dir = tmp_path / "r"
    sweep = start(LONG, results_dir, env, "hydra.launcher.partition=preemptible", "checkpoint_seconds=0.3")
    wait_for_checkpoints(results_dir)
    everything = ["--partition=main", "--nodes=4", "--exclusive", "--wrap=sleep 2"]
    slurm.run("sbatch", "--output=/dev/null", *everything)
    output = finish(sweep)
    assert sweep.returncode == 0 and "4 of 4 runs done" in output, output
    assert max(Counter(event.task_id for event in events(results_dir, Started)).values()) == 2
    assert computed(results_dir) == computed(local(LONG))


def test_a_lost_node(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    results_dir = tmp_path / "r"
    sweep = start(LONG, results_dir, env, "checkpoint_seconds=0.3")
    wait_for_checkpoints(results_dir)
    node = slurm.run("squeue", "--noheader", "--format=%N").split()[0]
    slurm.down_node(node)
    try:
        output = finish(sweep)
    finally:
        slurm.resume_node(node)
    assert sweep.returncode == 0 and "4 of 4 runs done" in output, output
    assert computed(results_dir) == computed(local(LONG))


@pytest.mark.parametrize(
    ("option", "cause", "advice"),
    [
        ("hydra.launcher.mem_gb=0.15", "out of memory", "Give tasks more memory: hydra.launcher.mem_gb"),
        (
            "hydra.launcher.setup='exit 3'",
            "killed",
            "The setup ended it (1 of 1: exit 3): correct hydra.launcher.setup",
        ),
    ],
)
def test_tasks_that_end_before_their_first_run_stop_the_sweep(
    option: str, cause: str, advice: str, env: dict[str, str], tmp_path: Path
) -> None:
    """The launcher, status and failures name the task, its log and what SLURM says; no run is to blame."""
    done = on_slurm(EIGHT[:-1], tmp_path / "r", env, option, "max_attempts=1", *A_PACK_PER_RUN)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        f"ended before their first run, so that the sweep stops; no run is to blame. The last: {cause}" in done.stderr
    )
    assert advice in done.stderr and "FAILED, NonZeroExitCode, exit code" in done.stderr, done.stderr
    assert not (tmp_path / "r" / "rows").exists()
    for name in ("status", "failures"):
        command = [sys.executable, "-m", f"sweep.{name}", f"results_dir={tmp_path / 'r'}"]
        shown = subprocess.run(command, capture_output=True, text=True, env=env, check=True).stdout
        assert f"no run is to blame; the last: {cause}; FAILED, NonZeroExitCode" in shown
        assert Path(shown.partition("log: ")[2].split()[0]).exists()


@pytest.mark.parametrize("fault_handler", ["1", ""])
def test_a_crash_is_told_from_a_kill(
    fault_handler: str, slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    """Without the fault handler's words in the log by the exit code of the task."""
    faulty = crashing_workers() | slurm.env | {"PYTHONFAULTHANDLER": fault_handler}
    done = on_slurm(CRASHES, tmp_path / "r", faulty, *A_PACK_PER_RUN)
    check_crashes(tmp_path / "r", done, with_trace=bool(fault_handler))


def test_a_controller_that_is_frozen_while_we_submit(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    """sbatch fails after 10 s, yet its job may be queued: every run still has one row, from one array."""
    results_dir = tmp_path / "r"
    sweep = start(EIGHT, results_dir, env)
    wait_until(lambda: bool(list(results_dir.glob("sweeps/*/plan.parquet"))), 60, "the plan")
    slurm.freeze_slurmctld()
    time.sleep(14)
    slurm.thaw_slurmctld()
    output = finish(sweep)
    if sweep.returncode != 0:  # frozen before the limits were read: nothing was submitted
        assert "SLURM does not answer" in output
        assert on_slurm(EIGHT, results_dir, env).returncode == 0
    assert computed(results_dir) == computed(local(EIGHT))
    slurm.wait_idle(timeout_s=60)


def test_a_run_that_fails_makes_its_task_fail(slurm: SlurmCluster, env: dict[str, str], tmp_path: Path) -> None:
    """And `sweep.failures` names the fault and what the failed runs share."""
    results_dir = tmp_path / "r"
    faults = failing({"no such luck at {address}": {"bits": 2, "lr": 0.1}})
    done = on_slurm([*EIGHT, FAULTY], results_dir, faults | slurm.env)
    assert done.returncode == 1 and "6 of 8 runs done (4 diverged), 2 failed" in done.stdout, done.stdout + done.stderr
    command = [sys.executable, "-m", "sweep.failures", f"results_dir={results_dir}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "2 of 8 runs failed" in shown
    assert "2 x RuntimeError: no such luck at 0x" in shown
    assert "all runs with bits=2 and quantizer=lsq and lr=0.1" in shown
    log = next(Path(word) for word in shown.split() if word.endswith("_log.out"))
    assert "no such luck" in log.read_text()


def test_a_missing_account_is_refused(slurm_accounting: SlurmCluster, tmp_path: Path) -> None:
    env = dict(os.environ) | dict(slurm_accounting.env)
    done = on_slurm(EIGHT, tmp_path / "r", env, "hydra.launcher.account=nobodys")
    assert done.returncode == 1
    assert "SLURM refused the job" in done.stderr and "account" in done.stderr.lower()
    assert slurm_accounting.run("squeue", "--noheader") == ""


def test_a_submit_limit_is_kept(slurm_accounting: SlurmCluster, tmp_path: Path) -> None:
    user = os.environ.get("USER") or "root"
    slurm_accounting.run("sacctmgr", "-i", "modify", "user", user, "set", "MaxSubmitJobs=3")
    try:
        env = dict(os.environ) | dict(slurm_accounting.env)
        done = on_slurm(EIGHT, tmp_path / "r", env, *A_PACK_PER_RUN)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len(computed(tmp_path / "r")) == 8
        sizes = Counter(task.partition("_")[0] for task in job_ids(tmp_path / "r"))
        assert max(sizes.values()) <= 3
    finally:
        slurm_accounting.run("sacctmgr", "-i", "modify", "user", user, "set", "MaxSubmitJobs=-1")


@pytest.mark.slow
def test_a_time_limit(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    """A run longer than its task goes on in the next: SLURM warns, the worker saves and requeues itself."""
    results_dir = tmp_path / "r"
    sweep = start(LONGER, results_dir, env, "hydra.launcher.time_min=2", "hydra.launcher.signal_delay_s=20")
    output = finish(sweep, timeout_s=900)
    assert sweep.returncode == 0, output
    assert {event.cause for event in events(results_dir, Requeued)} == {"timed out"}
    assert computed(results_dir) == computed(local(LONGER))


@pytest.mark.slow
def test_a_node_that_stops_answering_while_its_worker_lives(
    slurm: SlurmCluster, env: dict[str, str], local: Callable[[list[str]], Path], tmp_path: Path
) -> None:
    """The same run really runs twice at once; it ends in one row."""
    results_dir = tmp_path / "r"
    sweep = start(LONGER, results_dir, env)
    wait_for_runs(results_dir)
    node = slurm.run("squeue", "--noheader", "--format=%N").split()[0]
    slurm.kill_slurmd(node)
    try:
        output = finish(sweep, timeout_s=600)
    finally:
        slurm.start_slurmd(node)
    assert sweep.returncode == 0, output
    assert computed(results_dir) == computed(local(LONGER))


def test_measurements_equal_the_local_launchers(env: dict[str, str], tmp_path: Path) -> None:
    """`sweep.measure` goes the same way; only the job ids differ."""
    results, here = tmp_path / "r", tmp_path / "here"
    sweep = ["-m", *SMALL, "optimizer=sgd", "lr=0.1", "weight_decay=0", "bits=2,32", "keep_weights=true"]
    assert run(*sweep, f"results_dir={results}").returncode == 0
    shutil.copytree(results, here, symlinks=True)
    done = measure("bits=2,32", *FAST, *ON_CPUS, f"results_dir={results}", env=env)
    assert done.returncode == 0 and "2 of 2 runs done" in done.stdout, done.stdout + done.stderr
    assert job_ids(results)
    assert measure("bits=2,32", *FAST, f"results_dir={here}").returncode == 0
    pd.testing.assert_frame_equal(measured(results), measured(here))


@pytest.mark.parametrize("snapshot", [False, True])
def test_a_part_from_outside_reaches_the_workers(
    snapshot: bool, slurm: SlurmCluster, env: dict[str, str], tmp_path: Path
) -> None:
    """Named on the command line alone, and found by a relative path; a copy of it stays as it was planned."""
    parts, results_dir = package(tmp_path / "elsewhere", QUANTIZER), tmp_path / "r"
    path = os.pathsep.join([os.path.relpath(parts), env.get("PYTHONPATH", "")])
    sweep = ["-m", *SMALL, "lr=0.1", "optimizer=sgd", "weight_decay=0", "bits=2", "quantizer=my_package.my_part",
             "gain=0.5,2", f"snapshot={str(snapshot).lower()}"]  # fmt: skip
    slurm.run("scontrol", "update", "PartitionName=main", "State=DOWN")
    try:
        left = on_slurm(sweep, results_dir, env | {"PYTHONPATH": path}, "wait=false")
        assert left.returncode == 0, left.stdout + left.stderr
        code = parts / "my_package" / "my_part" / "quantizer.py"
        code.write_text(code.read_text().replace("return Signs(run.gain)", "raise RuntimeError('edited')"))
    finally:
        slurm.run("scontrol", "update", "PartitionName=main", "State=UP")
    on_slurm(sweep, results_dir, env | {"PYTHONPATH": path})
    rows = pd.read_parquet(results_dir / "rows")
    assert sorted(rows["gain"]) == [0.5, 2.0] and set(rows["quantizer"]) == {"my_package.my_part"}
    assert set(rows["status"]) == {"finished" if snapshot else "failed"}
    assert all("edited" in error for error in rows["error"]) or snapshot
