"""What SLURM is asked of tasks, and what its answers mean, with commands that only answer."""

import os
import time
from pathlib import Path

import pytest

from launchers.slurm import queue, watch
from launchers.slurm.commands import Refused, clean_environment
from launchers.slurm.executor import Limits, SlurmExecutor
from launchers.slurm.ledger import Ledger, Submitted
from launchers.slurm.watch import Watch
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.results.paths import ResultsDir
from tests.launchers.programs import install
from tests.plan.tasks import tasks

LINE = "{task}|{state}|node1|2026-01-01T00:00:00|N/A|{name}|{comment}|None"
NO_SUCH = "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1"


def entry(task: str, name: str = "ours") -> Submitted:
    return Submitted(f"pack {task}", ("run",), name, task)


def line(task: str, state: str, name: str = "ours", comment: str = "ours") -> str:
    return f"echo '{LINE.format(task=task, state=state, name=name, comment=comment)}'"


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs; each call of one leaves its arguments in NAME.calls."""
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path / "bin"


def answers(folder: Path, **scripts: str) -> None:
    install(folder, **{name: f'echo "$@" >>{folder / name}.calls; {script}' for name, script in scripts.items()})


def calls(folder: Path, name: str) -> list[str]:
    path = folder / f"{name}.calls"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.parametrize(
    "name",
    ["SLURM_JOB_ID", "SLURM_CLUSTERS", "SLURM_TIME_FORMAT", "SBATCH_EXPORT", "SRUN_CPUS_PER_TASK", "SALLOC_PARTITION",
     "SQUEUE_PARTITION", "SQUEUE_STATES", "SCANCEL_STATE", "SCANCEL_INTERACTIVE", "SCONTROL_FUTURE", "SACCT_FORMAT",
     "SINFO_FORMAT"],
)  # fmt: skip
def test_what_commands_would_obey_is_kept_from_them(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = clean_environment()
    monkeypatch.setenv(name, "x")
    assert clean_environment() == before


@pytest.mark.parametrize("name", ["SLURM_CONF", "SLURM_JWT", "MINE", "MYSQUEUE_PARTITION"])
def test_what_commands_need_and_what_is_none_of_slurms_stays(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "x")
    assert clean_environment()[name] == "x"


def test_whole_jobs_are_asked_for_by_id_and_hidden_partitions_too(slurm: Path) -> None:
    answers(slurm, squeue=f"{line('7_0', 'RUNNING')}; {line('7_1', 'PENDING')}")
    states = queue.queue(["7_1", "12", "7_0"])
    assert {task: found.state for task, found in states.items()} == {"7_0": "RUNNING", "7_1": "PENDING"}
    (asked,) = calls(slurm, "squeue")
    assert "--jobs=7,12" in asked and "--all" in asked and "--states=all" in asked and "--name" not in asked
    assert queue.queue([]) == {} and len(calls(slurm, "squeue")) == 1


def test_a_job_that_is_not_known_is_no_error_and_what_is_refused_is_one(slurm: Path) -> None:
    answers(slurm, squeue=NO_SUCH, scontrol=NO_SUCH, scancel="echo 'Invalid job id specified' >&2; exit 1")
    assert queue.queue(["7"]) == {} and queue.shown("7") == {}
    queue.cancel(["7"])
    answers(slurm, scancel="echo 'Access/permission denied' >&2; exit 1")
    with pytest.raises(Refused, match="denied"):
        queue.cancel(["7"])


def test_tasks_are_ended_in_ranges(slurm: Path) -> None:
    answers(slurm, scancel="exit 0")
    queue.cancel(["7_0", "9", "7_3", "7_1", "7_2", "7_9"])
    queue.cancel([])
    assert calls(slurm, "scancel") == ["7_[0-3,9] 9"]


def test_pending_tasks_of_one_record_are_all_shown(slurm: Path) -> None:
    both = (
        "echo 'JobId=8 ArrayJobId=7 ArrayTaskId=2-3,9%2 JobName=ours JobState=PENDING Reason=Priority Comment=ours'; "
        "echo 'JobId=7 ArrayJobId=7 ArrayTaskId=0 JobName=ours JobState=FAILED Reason=NonZeroExitCode ExitCode=3:0'"
    )
    answers(slurm, scontrol=both)
    found = queue.shown("7")
    assert list(found) == ["7_2", "7_3", "7_9", "7_0"]
    assert (found["7_0"].state, found["7_0"].exit_code, found["7_9"].reason) == ("FAILED", "3:0", "Priority")


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_REQUEUED_AFTER_S", 0.0)


@pytest.mark.usefixtures("hasty")
def test_what_squeue_does_not_show_and_scontrol_does_is_alive(slurm: Path) -> None:
    answers(slurm, squeue="exit 0", scontrol="echo 'JobId=7 JobName=ours JobState=RUNNING NodeList=node1'")
    one = Watch()
    one.look([entry("7")])
    assert one.state(entry("7")) is None and one.over([entry("7")]) == []
    answers(slurm, scontrol=NO_SUCH)
    one.look([entry("7")])
    assert one.over([entry("7")]) == [entry("7")]


@pytest.mark.usefixtures("hasty")
def test_an_ended_task_is_gone_once_slurm_says_so_not_when_it_was_cancelled(slurm: Path) -> None:
    """A node that failed: SLURM puts the task back just when we have given it up."""
    answers(slurm, squeue=line("7", "NODE_FAIL"), scancel="exit 0", scontrol=NO_SUCH)
    one = Watch()
    one.look([entry("7")])
    assert one.over([entry("7")]) == [entry("7")]
    answers(slurm, squeue=line("7", "COMPLETING"))
    assert one.end([entry("7")]) == [] and calls(slurm, "scancel") == ["7"]
    answers(slurm, squeue=line("7", "CANCELLED"))
    assert one.end([entry("7")]) == [entry("7")]


@pytest.mark.usefixtures("hasty")
def test_the_job_of_another_that_got_our_id_is_left_alone(slurm: Path) -> None:
    answers(slurm, squeue=line("7", "RUNNING", "theirs", "theirs"), scancel="exit 0", scontrol="exit 0")
    one = Watch()
    one.look([entry("7")])
    assert one.over([entry("7")]) == one.end([entry("7")]) == [entry("7")]
    assert calls(slurm, "scancel") == []
    answers(slurm, squeue=line("7", "RUNNING", "renamed", "ours"))  # by `scontrol update`: the comment has our name
    one.look([entry("7")])
    assert one.over([entry("7")]) == []


def test_a_task_is_not_over_before_slurm_can_have_put_it_back(slurm: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    answers(slurm, squeue=f"{line('7', 'NODE_FAIL')}; {line('8', 'CANCELLED')}", scontrol=NO_SUCH)
    tasks, one = [entry("7"), entry("8")], Watch(poll_s=2.0)
    one.look(tasks)
    assert one.over(tasks) == []
    now[0] += 2.0
    assert one.over(tasks) == [entry("8")]
    now[0] += 13.0
    assert one.over(tasks) == tasks


def test_a_submission_that_was_never_confirmed_is_seen_to_be_gone_before_the_next(slurm: Path, tmp_path: Path) -> None:
    """A launcher died in sbatch: its array may be in the queue, and no id is known."""
    sweep_dir = ResultsDir(tmp_path).sweep("s")
    sweep_dir.path.mkdir(parents=True)
    pack = Pack("p", tuple(tasks([1.0])), str(sweep_dir.path), Settings(), 1)
    Ledger(sweep_dir).announce("lost", [pack])
    answers(slurm, squeue="echo '7_0|RUNNING'; echo '7_1|FAILED'", scancel="exit 0", sbatch="exit 9", srun="exit 0")
    executor = SlurmExecutor(sweep_dir, {}, Limits(10, 10, 60, 120), poll_s=1.0)
    executor.submit([pack])
    assert calls(slurm, "scancel") == ["7_[0]"] and calls(slurm, "sbatch") == []
    assert executor.waiting == 1 and "is still ending: 7_0" in executor.summary()
    answers(slurm, squeue="echo '7_0|CANCELLED'", sbatch="echo Submitted batch job 8")
    executor.submit([])
    assert executor.waiting == 0 and Ledger(sweep_dir).open()[1] == []
    assert "--name=lost" in calls(slurm, "squeue")[0]
