"""A task in SLURM's queue: what its worker learns of it, and when it puts itself back into the queue."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from launchers import local
from launchers.local import work_locally
from launchers.slurm import commands, task
from launchers.slurm.commands import ClusterUnavailable
from launchers.slurm.task import requeue, work_on_task
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.results.events import Requeued
from sweep.results.journal import JournalReader
from sweep.worker.commit import job_id
from tests.plan.tasks import tasks

ARRAY = {"SLURM_JOB_ID": "12", "SLURM_ARRAY_JOB_ID": "7", "SLURM_ARRAY_TASK_ID": "3"}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tasks that SLURM was asked to requeue."""
    for name, value in ARRAY.items():
        monkeypatch.setenv(name, value)
    found: list[str] = []
    monkeypatch.setattr(commands, "requeue", found.append)
    return found


def pack_of(tmp_path: Path, **settings: int) -> Pack:
    asked = Settings(results_dir=str(tmp_path), **settings)  # type: ignore[arg-type]
    return Pack("p", tuple(tasks([1.0])), str(tmp_path), asked, time_limit_s=3600.0, warning_s=120.0)


@pytest.mark.parametrize(("running_s", "cause"), [(3389.0, "preempted"), (3391.0, "timed out")])
def test_the_end_of_its_time_is_told_from_preemption(
    running_s: float, cause: str, asked: list[str], tmp_path: Path
) -> None:
    """The warning is due 120 s before the end, and may come 90 s earlier."""
    pack = pack_of(tmp_path)
    requeue(pack, running_s)
    (event,) = JournalReader(pack.journal).new_events()
    assert isinstance(event, Requeued) and (event.cause, event.task_id) == (cause, pack.tasks[0].task_id)
    assert asked == ["7_3"]


def test_each_cause_is_requeued_as_often_as_allowed(
    asked: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = pack_of(tmp_path, max_preemptions=2, max_timeouts=1)
    for running_s in (1.0, 3500.0, 1.0, 1.0, 3500.0):
        requeue(pack, running_s)
    assert len(asked) == 3
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "preempted 2 times before: not requeued", "timed out 1 times before: not requeued",
    ]  # fmt: skip


def test_a_requeue_that_slurm_does_not_answer_is_said(
    asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unanswered(task: str) -> None:
        raise ClusterUnavailable("Socket timed out")

    monkeypatch.setattr(commands, "requeue", unanswered)
    requeue(pack_of(tmp_path), 1.0)
    assert capsys.readouterr().out == "preempted: requeue of 7_3 Socket timed out\n"


@pytest.mark.parametrize(
    ("module", "work", "variables", "expected"),
    [
        (task, work_on_task, ARRAY, "7_3"),
        (task, work_on_task, {"SLURM_JOB_ID": "12"}, "12"),
        (local, work_locally, {"SUBMITIT_LOCAL_JOB_ID": "99"}, "99"),
    ],
)
def test_a_launcher_tells_its_worker_which_job_it_is(
    module: object, work: Callable[[Pack], None], variables: dict[str, str], expected: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    for name in (*ARRAY, "SUBMITIT_LOCAL_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ) | variables)
    assert job_id() == ""  # whatever job the launcher itself is in
    found: list[str] = []
    monkeypatch.setattr(module, "work_on", lambda pack, **more: found.append(job_id()))
    work(pack_of(tmp_path))
    assert found == [expected]
