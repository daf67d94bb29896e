"""A worker among others: what it does with tasks that somebody else has, had, or takes while it works."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweep.results.accepted import Acceptance, record_acceptance
from sweep.results.claimant import write_beat
from sweep.results.claims import Claims, claim_on
from sweep.results.events import Elsewhere
from sweep.results.journal import JournalReader
from sweep.results.paths import ResultsDir
from sweep.results.rows import rows_store
from sweep.worker import job
from sweep.worker.commit import CommittedRows
from sweep.worker.job import work_on
from sweep.worker.train import Training
from tests.worker.packs import ENGINES, events, pack_of, signals_as_before, statuses

__all__ = ["signals_as_before"]

OTHER = "other"  # a sweep


def other(tmp_path: Path, sweep_id: str = OTHER, timeout_s: float = 120.0) -> Claims:
    """A process that claims tasks, and beats only when it is told to."""
    claims = Claims(ResultsDir(tmp_path), timeout_s, sweep_id, pack_id="p", job_id="7_1")
    claims.announce()
    return claims


def started(found: list[tuple[str, int]]) -> list[int]:
    return [seed for event, seed in found if event == "started"]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_another_has_is_passed_over_and_the_rest_is_done(engine: str, tmp_path: Path) -> None:
    pack = pack_of(4, tmp_path, engine, sweep_id="own")
    for task in pack.tasks[1:3]:
        other(tmp_path).take(task.task_id)
    work_on(pack)
    assert started(events(pack)) == [0, 3]
    assert [each for each in events(pack) if each[0] == "elsewhere"] == [("elsewhere", 1), ("elsewhere", 2)]
    (first, _) = [event for event in JournalReader(pack.journal).new_events() if isinstance(event, Elsewhere)]
    assert first.sweep_id == OTHER and first.holder.startswith(f"sweep {OTHER}, job 7_1 on ")
    assert statuses(tmp_path) == ["finished"] * 2


@pytest.mark.parametrize("engine", ENGINES)
def test_a_pack_of_which_others_have_everything(engine: str, tmp_path: Path) -> None:
    pack = pack_of(2, tmp_path, engine, sweep_id="own")
    for task in pack.tasks:
        other(tmp_path).take(task.task_id)
    work_on(pack)
    assert events(pack) == [("elsewhere", 0), ("elsewhere", 1)]


@pytest.mark.parametrize("engine", ENGINES)
def test_what_a_dead_process_had_is_done(engine: str, tmp_path: Path) -> None:
    pack = pack_of(2, tmp_path, engine, sweep_id="own")
    dead = other(tmp_path)
    for task in pack.tasks:
        dead.take(task.task_id)
    write_beat(dead._file, "over")
    work_on(pack)
    assert sorted(events(pack)) == [("finished", 0), ("finished", 1), ("started", 0), ("started", 1)]


def test_a_row_that_another_commits_meanwhile_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It claimed the task first, and is done with it when this worker looks again."""
    pack = pack_of(2, tmp_path, sweep_id="own")
    ahead = other(tmp_path)
    ahead.take(pack.tasks[0].task_id)
    store = rows_store(tmp_path)

    def while_it_works(*arguments: Any) -> Any:
        yield from good(*arguments)
        store.write(pack.tasks[0].task_id, [{"run_id": pack.tasks[0].run_id, "status": "diverged", "code": "theirs"}])

    good = Training.work_on
    monkeypatch.setattr(Training, "work_on", while_it_works)
    work_on(pack)
    assert events(pack) == [("started", 1), ("finished", 1), ("diverged", 0)]


def test_a_silent_worker_of_the_same_sweep_is_waited_for_until_it_is_dead(tmp_path: Path) -> None:
    """A task that SLURM started again on another host finds the claim of its first copy."""
    pack = pack_of(2, tmp_path, sweep_id="own")
    other(tmp_path, "own", timeout_s=2.0).take(pack.tasks[0].task_id)
    work_on(pack)
    assert events(pack) == [("started", 1), ("finished", 1), ("started", 0), ("finished", 0)]


def test_a_living_worker_of_the_same_sweep_keeps_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that SLURM started again while its first copy lives."""
    pack = pack_of(1, tmp_path, sweep_id="own")
    copy = other(tmp_path, "own", timeout_s=3600.0)
    copy.take(pack.tasks[0].task_id)
    monkeypatch.setattr("sweep.worker.job.time.sleep", lambda seconds: copy.beat())
    work_on(pack)
    assert events(pack) == [("elsewhere", 0)]


def taken_over_at(
    moment: str, pack: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
) -> Claims:
    """As if this worker had slept, and another process had taken its first run meanwhile."""
    taker = other(tmp_path)

    def take_over(*arguments: Any) -> Any:
        claim = claim_on(ResultsDir(tmp_path).claims, pack.tasks[0].task_id)
        assert claim is not None and taker._take_over(claim)
        then()
        return good(*arguments)

    owner, name = {"after": (job._PackInWork, "_commit"), "before": (Training, "work_on")}[moment]
    good = getattr(owner, name)
    monkeypatch.setattr(owner, name, take_over)
    return taker


@pytest.mark.parametrize("engine", ENGINES)
def test_the_result_of_who_lost_its_claim_is_dropped(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pack = pack_of(1, tmp_path, engine, sweep_id="own")
    taken_over_at("after", pack, tmp_path, monkeypatch)
    work_on(pack)
    assert events(pack) == [("started", 0), ("elsewhere", 0)]
    assert not rows_store(tmp_path).path.exists()
    assert f"dropped, sweep {OTHER}, job 7_1 on " in capsys.readouterr().out


def test_who_lost_its_claim_and_notices_it_stops_before_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = pack_of(1, tmp_path, sweep_id="own")
    monkeypatch.setattr(Claims, "has_lost", lambda claims, task_id: True)
    trained: list[object] = []
    monkeypatch.setattr(job._PackInWork, "_commit", lambda *arguments: trained.append(arguments))
    taken_over_at("before", pack, tmp_path, monkeypatch)
    work_on(pack)
    assert events(pack) == [("started", 0), ("elsewhere", 0)] and trained == []


def test_a_failure_of_who_lost_its_claim_is_dropped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise RuntimeError("woken up in a bad state")

    pack = pack_of(1, tmp_path, sweep_id="own")
    taken_over_at("before", pack, tmp_path, monkeypatch, fail)
    work_on(pack)
    assert events(pack) == [("started", 0), ("elsewhere", 0)]
    assert not rows_store(tmp_path).path.exists()


def test_a_worker_that_ends_leaves_no_claim_on_what_it_has_not_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = pack_of(3, tmp_path, "array", sweep_id="own")
    monkeypatch.setattr(Training, "work_on", lambda *arguments: iter(()))
    work_on(pack)
    assert [other(tmp_path).take(task.task_id) for task in pack.tasks] == [None] * 3


@pytest.mark.parametrize(
    ("rerun", "accepted", "status"),
    [("missing", False, "finished"), ("stale", False, None), ("stale", True, "finished")],
)
def test_a_row_of_other_code_counts_as_a_plan_would_count_it(
    rerun: str, accepted: bool, status: str | None, tmp_path: Path
) -> None:
    pack = pack_of(1, tmp_path, rerun=rerun)
    (task,) = pack.tasks
    if accepted:
        how = Acceptance("train", "theirs", (task.code,), 1, "equal", "me", "now", "")
        record_acceptance(tmp_path, how)
    rows_store(tmp_path).write(task.task_id, [{"run_id": task.run_id, "status": "finished", "code": "theirs"}])
    assert CommittedRows(pack.tasks, pack.settings).status_of(task) == status
