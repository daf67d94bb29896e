"""Clusters of failures: one fault is one cluster, and what its runs share is named."""

from pathlib import Path

import pandas as pd
import pytest

from sweep.commands.observe import find_sweeps, running
from sweep.config.checks import ConfigError
from sweep.failures import describe
from sweep.results.clusters import Shared, clusters, normalize
from sweep.results.events import Died, EndedEarly, Started
from sweep.results.journal import record
from sweep.results.rows import rows_store
from sweep.status import describe as status
from sweep.status import facts
from tests.conftest import tiny_run
from tests.rows_of import row_of
from tests.tables.stored import store_sweep

TRACE = """Traceback (most recent call last):
  File "/home/{user}/sweep/training/plain.py", line {line}, in train
    step()
  File "/home/{user}/sweep/quantizers/lsq.py", line 7, in forward
    raise ValueError
ValueError: bad value {value} at {address}
"""


def trace(**changes: object) -> str:
    return TRACE.format(**{"user": "ann", "line": 10, "value": 0.5, "address": "0x7f00", **changes})


def test_numbers_ids_paths_and_addresses_do_not_tell_faults_apart() -> None:
    same = [trace(), trace(user="bob"), trace(line=99), trace(value=1e-5), trace(address="0x7fff12")]
    assert len({normalize(one) for one in same}) == 1
    assert normalize(trace()) != normalize(trace().replace("lsq.py", "dorefa.py"))
    assert normalize(trace()) != normalize(trace().replace("ValueError: bad", "ValueError: worse"))
    killed = "the worker ended 3 times at this run: killed; end of /a/b/{}_0_log.out:\nsome\nlines {}"
    assert normalize(killed.format(1, 2)) == normalize(killed.format(3, 4))


RUNS = {
    tiny_run(bits=bits, optimizer=optimizer, momentum=0.0, lr=0.01, seed=seed): None
    for bits in (2, 4)
    for optimizer in ("sgd", "rmsprop")
    for seed in (0, 1, 2)
}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """All runs at 2 bits with RMSprop fail alike, one other fails otherwise, one waits, one is being trained."""
    rows: dict[object, object] = {}
    for run in RUNS:
        if run.bits == 2 and run.optimizer == "rmsprop":
            rows[run] = {"status": "failed", "error": trace(value=run.seed)}
        elif run.bits == 4 and run.optimizer == "sgd" and run.seed == 0:
            rows[run] = {"status": "failed", "error": "OSError: disk full"}
        else:
            rows[run] = None if run.seed > 0 and run.bits == 4 else {}
    store_sweep(tmp_path, rows)  # type: ignore[arg-type]
    (sweep,) = find_sweeps(tmp_path, "")
    waiting = [run.run_id for run, row in rows.items() if row is None]  # type: ignore[attr-defined]
    journal = sweep.folder.journal("p")
    record(journal, Started(waiting[0]))
    record(journal, Started(waiting[1]))
    record(journal, Died(waiting[1], "preempted"))
    return tmp_path


def test_clusters_and_what_they_share(results: Path) -> None:
    (sweep,) = find_sweeps(results, "")
    first, second = clusters(sweep.runs())
    assert len(first.runs) == 3 and first.shared == Shared({"bits": "2", "optimizer": "rmsprop"}, is_all_of_them=True)
    assert len(second.runs) == 1 and second.message == "OSError: disk full"
    text = describe(sweep)
    assert "4 of 12 runs failed" in text
    assert "3 x ValueError: bad value" in text
    assert "all runs with bits=2 and optimizer=rmsprop" in text
    assert "were tried again: 1 preempted" in text


def test_crashes_are_named_by_their_signal(results: Path) -> None:
    (sweep,) = find_sweeps(results, "")
    journal = sweep.folder.journal("p")
    for signal in ("SIGSEGV", "SIGABRT", "SIGSEGV"):
        record(journal, Died(tiny_run().run_id, "crashed", signal))
    expected = {"crashed by SIGSEGV": 2, "preempted": 1, "crashed by SIGABRT": 1}
    assert sweep.deaths() == facts(sweep)["deaths"] == expected
    shown = "were tried again: 2 crashed by SIGSEGV, 1 preempted, 1 crashed by SIGABRT"
    assert shown in describe(sweep) and shown in status(sweep)


def test_tasks_that_ended_early_are_shown_until_one_has_begun(results: Path) -> None:
    (sweep,) = find_sweeps(results, "")
    journal = sweep.folder.journal("p")
    for job in ("7_0", "7_1"):
        record(journal, EndedEarly(tiny_run().run_id, "killed", "FAILED, exit code 3", job, f"/logs/{job}.out"))
    text = "2 tasks ended before their first run, and no run is to blame; the last: killed; FAILED, exit code 3; "
    for shown in (describe(sweep), status(sweep)):
        assert f"{text}job 7_1; log: /logs/7_1.out" in shown
    record(journal, Started(tiny_run().run_id))
    assert "before their first run" not in describe(sweep) + status(sweep)


def test_some_of_the_runs_with_a_value(results: Path) -> None:
    (sweep,) = find_sweeps(results, "")
    store = rows_store(results)
    run = tiny_run(bits=2, optimizer="rmsprop", momentum=0.0, lr=0.01, seed=0)
    store.write(run.run_id, [row_of(run)])
    assert "some of the runs with bits=2 and optimizer=rmsprop" in describe(sweep)


def test_nothing_failed(tmp_path: Path) -> None:
    store_sweep(tmp_path, {tiny_run(): {}})
    (sweep,) = find_sweeps(tmp_path, "")
    assert clusters(sweep.runs()) == []
    assert "0 of 1 runs failed" in describe(sweep)


def test_status_counts_what_runs_and_what_waits(results: Path) -> None:
    (sweep,) = find_sweeps(results, "")
    assert len(running(sweep.events())) == 1
    lines = [line.replace("│", " ").split() for line in status(sweep).splitlines()]
    counts = {line[0]: [int(cell) for cell in line[1:]] for line in lines if len(line) == 8 and line[1].isdigit()}
    # runs, finished, diverged, failed, running, elsewhere, waiting
    by_bits = {"2": [6, 3, 0, 3, 0, 0, 0], "4": [6, 1, 0, 1, 1, 0, 3], "all": [12, 4, 0, 4, 1, 0, 3]}
    assert {name: counts[name] for name in by_bits} == by_bits and counts["optimizer=sgd"] == [6, 3, 0, 1, 1, 0, 1]
    assert "4 failed: python -m sweep.failures" in status(sweep)


def test_status_before_any_row(tmp_path: Path) -> None:
    store_sweep(tmp_path, {tiny_run(): None})
    (sweep,) = find_sweeps(tmp_path, "")
    assert pd.isna(sweep.runs()["status"].iloc[0])
    assert "sweep " in status(sweep)


def test_no_such_sweep(results: Path) -> None:
    with pytest.raises(ConfigError, match=r"sweep=abc: no such sweep; there are [0-9a-f]{12}"):
        find_sweeps(results, "abc")
    with pytest.raises(ConfigError, match="no such sweep; there are none"):
        find_sweeps(results / "nowhere", "")
