"""The line a user looks at."""

import pytest

from launchers.progress import Display, Tally
from sweep.results.events import Diverged, Evaluated, Failed, Finished, Pruned, Started
from tests.plan.tasks import tasks


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr("launchers.progress.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def tally(now: list[float]) -> Tally:
    tally = Tally(tasks([10.0, 10.0, 20.0, 40.0]), workers=2)
    now[0] = 110.0
    return tally


def test_before_anything_ended_the_plan_says_how_long(tally: Tally) -> None:
    assert tally.left_s() == 80 / 2 - 10  # and it goes by


def test_counts_and_time_left(tally: Tally) -> None:
    ids = list(tally._cost_s)
    for end in (Finished(ids[0]), Diverged(ids[1]), Failed(ids[2], "boom")):
        tally.add(Started(end.task_id))
        tally.add(end)
    # 20 expected seconds took 10, and those of the failed run do not count: the other 40 take 20
    assert tally.line() == "2 of 4 runs done (1 diverged), 1 failed, 1 left, about 20 s"
    assert tally.errors == {ids[2]: "boom"}
    assert tally.line("1 running").endswith("1 left (1 running), about 20 s")
    tally.add(Finished("a run of another launch"))
    assert tally.left == 1
    tally.add(Finished(ids[3]))
    assert tally.line() == "3 of 4 runs done (1 diverged), 1 failed, 0 left"


def test_epochs_leave_a_run_active_and_pruned_runs_are_counted(tally: Tally) -> None:
    ids = list(tally._cost_s)
    for event in (Started(ids[0]), Evaluated(ids[0], 1), Evaluated(ids[0], 2), Pruned(ids[0])):
        assert tally.left == 4
        tally.add(event)
    tally.add(Finished(ids[1]))
    assert tally.line() == "1 of 4 runs done, 1 pruned, 0 failed, 2 left, about 60 s"
    assert not tally.errors


def test_a_log_file_gets_whole_lines(tally: Tally, capsys: pytest.CaptureFixture[str]) -> None:
    display = Display(tally, lambda: "")
    display.update()
    assert capsys.readouterr().out == ""  # nothing is due yet
    display.end()
    assert capsys.readouterr().out == "0 of 4 runs done, 0 failed, 4 left, about 30 s\n"


def test_the_time_left_goes_by_between_two_ends(tally: Tally, now: list[float]) -> None:
    tally.add(Finished(next(iter(tally._cost_s))))
    assert tally.left_s() == 70
    for second in range(1, 70):
        now[0] = 110 + second
        assert tally.left_s() == 70 - second
    now[0] = 190
    assert tally.line().endswith("3 left, longer than expected")
