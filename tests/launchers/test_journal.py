"""Journals: events in order, once, whatever a killed worker left."""

from pathlib import Path

from launchers.journal import STARTED, JournalReader, count_attempts, journal_path, record


def test_events_are_read_once_and_unfinished_lines_later(tmp_path: Path) -> None:
    path = journal_path(tmp_path, "p")
    reader = JournalReader(path)
    assert reader.new_events() == []
    record(path, STARTED, "r1", attempt=1)
    record(path, "finished", "r1", seconds=2.5)
    events = reader.new_events()
    assert [(e["event"], e["run_id"]) for e in events] == [("started", "r1"), ("finished", "r1")]
    assert events[1]["seconds"] == 2.5
    with path.open("a") as stream:
        stream.write('{"event": "star')
    assert reader.new_events() == []
    with path.open("a") as stream:
        stream.write('ted", "run_id": "r2"}\n')
    assert [e["run_id"] for e in reader.new_events()] == ["r2"]


def test_attempts_are_counted_over_sweeps(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        path = journal_path(tmp_path / "sweeps" / sweep, "p")
        record(path, STARTED, "r1")
        record(path, "failed", "r1", error="x")
    record(journal_path(tmp_path / "sweeps" / "b", "q"), STARTED, "r2")
    assert count_attempts(tmp_path) == {"r1": 2, "r2": 1}
