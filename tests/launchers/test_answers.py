"""One answer of SLURM's for all who watch a results directory: how often it is asked, and what is made of it."""

import os
import time
from pathlib import Path

import pytest

from launchers.slurm import answers
from launchers.slurm.answers import SharedAnswer
from launchers.slurm.queue import TaskState
from sweep.results.paths import ResultsDir


class Squeue:
    """Counts how often it is asked, and for which jobs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[list[str]] = []
        monkeypatch.setattr(answers, "queue", self)

    def __call__(self, jobs: list[str]) -> dict[str, TaskState]:
        self.asked.append(sorted(jobs))
        return {f"{job}_0": TaskState("RUNNING", nodes=f"n{len(self.asked)}", names=("a", "b")) for job in jobs}


@pytest.fixture
def squeue(monkeypatch: pytest.MonkeyPatch) -> Squeue:
    return Squeue(monkeypatch)


def aged(results: ResultsDir, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(results.queue, (then, then))


def test_a_hundred_watchers_ask_once_per_interval(squeue: Squeue, tmp_path: Path) -> None:
    results = ResultsDir(tmp_path)
    watchers = [SharedAnswer(results, max_age_s=8.0) for _ in range(100)]
    first = [watcher.states(["7_0", "8_0"]) for watcher in watchers]
    assert squeue.asked == [["7", "8"]] and first == [first[0]] * 100
    assert first[0]["7_0"] == TaskState("RUNNING", nodes="n1", names=("a", "b"))
    aged(results, 9.0)
    assert {watcher.states(["7_0"])["7_0"].nodes for watcher in watchers} == {"n2"}
    assert squeue.asked == [["7", "8"]] * 2  # the other job, which other watchers want, along with ours


def test_a_new_job_is_asked_for_at_once_and_without_jobs_nothing(squeue: Squeue, tmp_path: Path) -> None:
    shared = SharedAnswer(ResultsDir(tmp_path), max_age_s=8.0)
    assert shared.states([]) == {} and not list(tmp_path.iterdir())
    shared.states(["7_0"])
    assert shared.states(["9"])["9_0"].nodes == "n2" and squeue.asked == [["7"], ["7", "9"]]


def test_the_clock_of_a_machine_does_not_count(squeue: Squeue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = SharedAnswer(ResultsDir(tmp_path), max_age_s=8.0)
    shared.states(["7_0"])
    monkeypatch.setattr(time, "time", lambda: 1e12)
    shared.states(["7_0"])
    assert len(squeue.asked) == 1


def test_while_another_asks_its_last_answer_serves_and_a_dead_one_holds_nobody_up(
    squeue: Squeue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, now = ResultsDir(tmp_path), [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    shared = SharedAnswer(results, max_age_s=8.0)
    shared.states(["7_0"])
    results.queue_lock.touch()
    aged(results, 1000.0)
    for _ in range(3):
        assert shared.states(["7_0"])["7_0"].nodes == "n1"
        now[0] += 60.0
    assert not results.queue_lock.exists()
    assert shared.states(["7_0"])["7_0"].nodes == "n2"


@pytest.mark.parametrize("text", ["", "{", "[]", '{"wanted": {"7": 0}}', '{"wanted": {"7": 0}, "states": {"7_0": {}}}'])
def test_an_answer_that_cannot_be_read_is_asked_for_anew(text: str, squeue: Squeue, tmp_path: Path) -> None:
    results = ResultsDir(tmp_path)
    results.queue.write_text(text)
    assert SharedAnswer(results, max_age_s=8.0).states(["7_0"])["7_0"].nodes == "n1"


def test_where_nothing_can_be_written_everyone_asks_alone(squeue: Squeue, tmp_path: Path) -> None:
    shared = SharedAnswer(ResultsDir(tmp_path / "is" / "not" / "there"), max_age_s=8.0)
    for _ in range(2):
        assert "7_0" in shared.states(["7_0"])
    assert len(squeue.asked) == 2
