"""The log of trials: what a kill leaves of it can be read and continued."""

from pathlib import Path

from sweep.search.trials import AskedTrial, TrialLog

TRIALS = [AskedTrial("a", {"lr": 0.1, "bits": 2}, {}), AskedTrial("b", {"lr": 0.1 + 0.2, "bits": 4}, {"generation": 0})]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    log = TrialLog(tmp_path / "search" / "trials.jsonl")
    assert log.read().trials == []
    log.asked(TRIALS)
    log.noted(1, {"completed_rung_0": 0.5})
    log.pruned("b")
    recorded = log.read()
    assert recorded.trials == [
        TRIALS[0],
        AskedTrial("b", TRIALS[1].parameters, {"generation": 0, "completed_rung_0": 0.5}),
    ]
    assert recorded.pruned == {"b"}


def test_an_unfinished_line_is_ignored_and_the_next_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "trials.jsonl"
    log = TrialLog(path)
    log.asked(TRIALS)
    path.write_bytes(path.read_bytes()[:-5])
    assert log.read().trials == TRIALS[:1]
    log.asked(TRIALS[1:])
    assert log.read().trials == TRIALS
