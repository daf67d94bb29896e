"""Journals: events in order, once, whatever a killed worker or another version left."""

import dataclasses
import json
from pathlib import Path

import pytest

from sweep.results.events import (
    EVENTS,
    Died,
    Diverged,
    Elsewhere,
    EndedEarly,
    Evaluated,
    Event,
    Failed,
    Finished,
    Pruned,
    Requeued,
    Started,
    Stopped,
)
from sweep.results.journal import History, JournalReader, events_of, record
from sweep.results.paths import ResultsDir, SweepDir
from sweep.training.result import EpochRecord

WHEN = '"task_id": "r1", "at": 1.5, "pid": 7, "host": "h"'
STAMP = {"at": 1.5, "pid": 7, "host": "h"}
MACHINE = '"cpu": "EPYC", "cpu_capability": "AVX2", "torch_version": "2.13.0", "qsweep_version": "0.1"'
METRICS = '"train_loss": 0.5, "train_acc": 0.25, "test_loss": 1.0, "test_acc": 0.125, "test_top5": 0.75'
# Lines as journals have them on disk, which never change.
LINES: list[tuple[str, Event]] = [
    (
        f'{{"event": "started", {WHEN}, "attempt": 2, "log": "9_0_log.out", {MACHINE}}}',
        Started("r1", 2, "9_0_log.out", "EPYC", "AVX2", "2.13.0", "0.1", **STAMP),
    ),
    (
        f'{{"event": "epoch", {WHEN}, "epoch": 3, "lr": 0.1, "batch_loss": 0.75, {METRICS}}}',
        Evaluated("r1", 3, 0.1, 0.75, 0.5, 0.25, 1.0, 0.125, 0.75, **STAMP),
    ),
    (f'{{"event": "stopped", {WHEN}}}', Stopped("r1", **STAMP)),
    (f'{{"event": "requeued", {WHEN}, "cause": "preempted"}}', Requeued("r1", "preempted", **STAMP)),
    (
        f'{{"event": "elsewhere", {WHEN}, "holder": "sweep s, job 7 on h", "sweep_id": "s"}}',
        Elsewhere("r1", "sweep s, job 7 on h", "s", **STAMP),
    ),
    (f'{{"event": "died", {WHEN}, "cause": "killed", "signal": ""}}', Died("r1", "killed", **STAMP)),
    (
        f'{{"event": "ended early", {WHEN}, "cause": "killed", "detail": "FAILED", "job": "7_0", "log": "/l"}}',
        EndedEarly("r1", "killed", "FAILED", "7_0", "/l", **STAMP),
    ),
    (f'{{"event": "finished", {WHEN}, "seconds": 2.5}}', Finished("r1", 2.5, **STAMP)),
    (f'{{"event": "finished", {WHEN}}}', Finished("r1", **STAMP)),
    (f'{{"event": "diverged", {WHEN}, "seconds": 2.5}}', Diverged("r1", 2.5, **STAMP)),
    (f'{{"event": "failed", {WHEN}, "error": "x"}}', Failed("r1", "x", **STAMP)),
    (f'{{"event": "failed", {WHEN}, "error": "x", "cause": "killed"}}', Failed("r1", "x", "killed", **STAMP)),
    (f'{{"event": "pruned", {WHEN}}}', Pruned("r1", **STAMP)),
]


def journal_with(tmp_path: Path, *lines: str) -> Path:
    path = ResultsDir(tmp_path).sweep("a").journal("p")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


@pytest.mark.parametrize(("line", "event"), LINES, ids=[event.label for _, event in LINES])
def test_what_a_journal_holds(line: str, event: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written to the letter, and read back."""
    assert JournalReader(journal_with(tmp_path, line)).new_events() == [event]
    monkeypatch.setattr("sweep.results.journal.time.time", lambda: event.at)
    monkeypatch.setattr("sweep.results.journal.os.getpid", lambda: event.pid)
    monkeypatch.setattr("sweep.results.journal.platform.node", lambda: event.host)
    record(path := SweepDir(tmp_path).journal("written"), dataclasses.replace(event, at=0.0, pid=None, host=None))
    assert path.read_text() == f"{line}\n"


def test_every_event_is_pinned_and_has_a_label_of_its_own() -> None:
    assert {type(event) for _, event in LINES} == set(EVENTS)
    assert len({event.label for event in EVENTS}) == len(EVENTS)


def test_an_evaluated_epoch_has_the_columns_of_the_curve() -> None:
    own = {each.name for each in dataclasses.fields(Evaluated)} - {each.name for each in dataclasses.fields(Event)}
    assert own == set(EpochRecord(1, 0.1, 0.5).columns())


def test_events_are_read_once_and_unfinished_lines_later(tmp_path: Path) -> None:
    path = SweepDir(tmp_path).journal("p")
    reader = JournalReader(path)
    assert reader.new_events() == []
    record(path, Started("r1", 1))
    record(path, Finished("r1", 2.5))
    started, finished = reader.new_events()
    assert isinstance(started, Started) and started.task_id == "r1"
    assert isinstance(finished, Finished) and finished.seconds == 2.5
    with path.open("a") as stream:
        stream.write('{"event": "star')
    assert reader.new_events() == []
    with path.open("a") as stream:
        stream.write('ted", "task_id": "r2"}\n')
    assert [event.task_id for event in reader.new_events()] == ["r2"]


def test_events_of_several_journals_come_in_the_order_of_time(tmp_path: Path) -> None:
    paths = [SweepDir(tmp_path).journal(name) for name in "ab"]
    for path, at in zip(paths, ((1, 4), (2, 3)), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(f'{{"event": "stopped", "task_id": "r{time}", "at": {time}}}\n' for time in at))
    assert [event.task_id for event in events_of(paths)] == ["r1", "r2", "r3", "r4"]


def test_attempts_are_counted_over_sweeps(tmp_path: Path) -> None:
    for sweep in ("a", "b"):
        path = ResultsDir(tmp_path).sweep(sweep).journal("p")
        record(path, Started("r1"))
        record(path, Failed("r1", "x"))
    record(ResultsDir(tmp_path).sweep("b").journal("q"), Started("r2"))
    assert History(tmp_path).attempts == {"r1": 2, "r2": 1}


def test_deaths_are_counted_by_cause_until_a_run_fails(tmp_path: Path) -> None:
    path = ResultsDir(tmp_path).sweep("a").journal("p")
    for run_id, cause in (("r1", "killed"), ("r1", "killed"), ("r1", "preempted"), ("r2", "killed")):
        record(path, Died(run_id, cause))
    assert History(tmp_path).deaths == {("r1", "killed"): 2, ("r1", "preempted"): 1, ("r2", "killed"): 1}
    record(path, Failed("r1", "x"))
    record(path, Died("r1", "killed"))
    assert History(tmp_path).deaths == {("r1", "killed"): 1, ("r2", "killed"): 1}


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "star{"event": "started", "task_id": "r1"}',  # cut by a kill
        '"event"',
        "7",
        '{"task_id": "r1"}',
        '{"event": "died", "task_id": "r1"}',  # it has a cause
        '{"event": "finished"}',
        '{"event": "heartbeat", "task_id": "r1"}',  # of a later version
    ],
)
def test_a_line_that_is_no_event_is_passed_over(line: str, tmp_path: Path) -> None:
    path = journal_with(tmp_path, line, '{"event": "started", "task_id": "r2"}')
    assert JournalReader(path).new_events() == [Started("r2")]


@pytest.mark.parametrize(("line", "event"), LINES, ids=[event.label for _, event in LINES])
def test_fields_of_a_later_version_are_passed_over(line: str, event: Event, tmp_path: Path) -> None:
    later = json.dumps({**json.loads(line), "claimed_by": ["x"], "label": "y"})
    assert JournalReader(journal_with(tmp_path, later)).new_events() == [event]


def test_journals_from_before_there_was_other_work_than_training(tmp_path: Path) -> None:
    journal_with(tmp_path, '{"event": "started", "run_id": "r1", "at": 1.0}')
    assert History(tmp_path).attempts == {"r1": 1}
