"""Journals: events in order, once, whatever a killed worker left."""

from pathlib import Path

from sweep.results.journal import DIED, FAILED, STARTED, History, JournalReader, record
from sweep.results.paths import ResultsDir, SweepDir


def test_events_are_read_once_and_unfinished_lines_later(tmp_path: Path) -> None:
    path = SweepDir(tmp_path).journal("p")
    reader = JournalReader(path)
    assert reader.new_events() == []
    record(path, STARTED, "r1", attempt=1)
    record(path, "finished", "r1", seconds=2.5)
    events = reader.new_events()
    assert [(e["event"], e["task_id"]) for e in events] == [("started", "r1"), ("finished", "r1")]
    assert events[1]["seconds"] == 2.5
    with path.open("a") as stream:
        stream.write('{"event": "star')
    assert reader.new_events() == []
    with path.open("a") as stream:
        stream.write('ted", "task_id": "r2"}\n')
    assert [e["task_id"] for e in reader.new_events()] == ["r2"]


def test_attempts_are_counted_over_sweeps(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        path = ResultsDir(tmp_path).sweep(sweep).journal("p")
        record(path, STARTED, "r1")
        record(path, "failed", "r1", error="x")
    record(ResultsDir(tmp_path).sweep("b").journal("q"), STARTED, "r2")
    assert History(tmp_path).attempts == {"r1": 2, "r2": 1}


def test_deaths_are_counted_by_cause_until_a_run_fails(tmp_path: Path) -> None:
    path = ResultsDir(tmp_path).sweep("a").journal("p")
    for run_id, cause in (("r1", "killed"), ("r1", "killed"), ("r1", "preempted"), ("r2", "killed")):
        record(path, DIED, run_id, cause=cause)
    assert History(tmp_path).deaths == {("r1", "killed"): 2, ("r1", "preempted"): 1, ("r2", "killed"): 1}
    record(path, FAILED, "r1", error="x")
    record(path, DIED, "r1", cause="killed")
    assert History(tmp_path).deaths == {("r1", "killed"): 1, ("r2", "killed"): 1}


def test_a_line_cut_by_a_kill_is_passed_over(tmp_path: Path) -> None:
    path = SweepDir(tmp_path).journal("p")
    path.parent.mkdir()
    path.write_text('{"event": "star{"event": "started", "task_id": "r1"}\n{"event": "started", "task_id": "r2"}\n')
    assert [e["task_id"] for e in JournalReader(path).new_events()] == ["r2"]


def test_journals_from_before_there_was_other_work_than_training(tmp_path: Path) -> None:
    path = ResultsDir(tmp_path).sweep("a").journal("p")
    path.parent.mkdir(parents=True)
    path.write_text('{"event": "started", "run_id": "r1", "at": 1.0}\n')
    assert History(tmp_path).attempts == {"r1": 1}
