"""What `sweep.status` knows, as text, as JSON, and again and again."""

import datetime
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sweep.commands.observe import describe_tasks, find_sweeps
from sweep.config.checks import ConfigError
from sweep.results.accepted import Acceptance, record_acceptance
from sweep.results.claims import Claims
from sweep.results.events import Started
from sweep.results.journal import record
from sweep.results.paths import ResultsDir
from sweep.results.rows import rows_store
from sweep.status import describe, facts, main
from tests.conftest import tiny_run
from tests.rows_of import START, row_of
from tests.tables.stored import store_sweep
from tests.todays_code import TODAY

HOUR = datetime.timedelta(hours=1)


def ended(hours: int, **changes: object) -> dict[str, object]:
    return {"ended_at": START + hours * HOUR, "seconds": 3600.0, "threads": 2, **changes}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Of six runs one ended on a CPU, two on a GPU, one failed; one is being trained and one waits."""
    store_sweep(
        tmp_path,
        {
            tiny_run(bits=2, seed=0): ended(1, device="cpu"),
            tiny_run(bits=2, seed=1): ended(2, device="NVIDIA H200"),
            tiny_run(bits=2, seed=2): ended(3, device="NVIDIA H200", status="diverged"),
            tiny_run(bits=4, seed=0): ended(9, device="cuda", status="failed", seconds=None, error="ValueError: 7"),
            tiny_run(bits=4, seed=1): None,
            tiny_run(bits=4, seed=2): None,
        },
    )
    (sweep,) = find_sweeps(tmp_path, "")
    record(sweep.folder.journal("p"), Started(tiny_run(bits=4, seed=1).run_id))
    return tmp_path


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["status", *arguments])
    main()


def test_json(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(monkeypatch, f"results_dir={results}", "format=json")
    (sweep,) = json.loads(capsys.readouterr().out)["sweeps"]
    assert sorted(sweep) == [
        "axes", "bits", "deaths", "early_ends", "elsewhere", "failures", "hours", "other_code", "results_dir", "runs",
        "runs_per_hour", "seconds_left", "slurm", "slurm_error", "sweep", "tasks",
    ]  # fmt: skip
    left = {"running": 1, "elsewhere": 0, "waiting": 1}
    assert sweep["runs"] == {"planned": 6, "finished": 2, "diverged": 1, "failed": 1} | left
    assert sweep["bits"]["4"] == {"planned": 3, "finished": 0, "diverged": 0, "failed": 1} | left
    assert list(sweep["axes"]) == ["seed"] and sweep["axes"]["seed"]["1"]["running"] == 1
    failed = tiny_run(bits=4, seed=0).run_id
    (failure,) = sweep["failures"]
    assert failure == {"error": "ValueError: 7", "runs": [failed], "share": {"bits": "4", "seed": "0"}}


def test_what_another_sweep_has_in_hand(results: Path) -> None:
    with Claims(ResultsDir(results), 120.0, "theirs", job_id="7_1") as claims:
        claims.take(tiny_run(bits=4, seed=2).run_id)
        found = facts(find_sweeps(results, "")[0])
        assert found["runs"]["elsewhere"] == 1 and found["runs"]["waiting"] == 0
        assert found["elsewhere"] == ["1 queued elsewhere: sweep theirs, jobs 7_1"]
        assert "1 queued elsewhere: sweep theirs, jobs 7_1" in describe(find_sweeps(results, "")[0])
    found = facts(find_sweeps(results, "")[0])
    assert found["runs"]["elsewhere"] == 0 and found["runs"]["waiting"] == 1 and found["elsewhere"] == []


def test_pace_and_hours(results: Path) -> None:
    found = facts(find_sweeps(results, "")[0])
    # three came to their ends in two hours and the hour of the first, and one failed; of equal runs, two are left
    assert found["runs_per_hour"] == pytest.approx(1.0) and found["seconds_left"] == pytest.approx(7200.0)
    # a CPU run took 1 h with 2 threads, two GPU runs 1 h each: the two left are a third on a CPU
    assert found["hours"]["cpu"] == pytest.approx({"spent": 2.0, "left": 2 * 2 / 3})
    assert found["hours"]["gpu"] == pytest.approx({"spent": 2.0, "left": 2 * 2 / 3})


def test_hours_are_unknown_before_a_run_has_ended(tmp_path: Path) -> None:
    store_sweep(tmp_path, {tiny_run(): None})
    found = facts(find_sweeps(tmp_path, "")[0])
    assert found["hours"] == {"gpu": {"spent": 0.0, "left": None}, "cpu": {"spent": 0.0, "left": None}}
    assert found["runs_per_hour"] is None and found["seconds_left"] is None


def test_text(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run_main(monkeypatch, f"results_dir={results}")
    text = capsys.readouterr().out
    assert "1 runs per hour; about 2.0 h left at that pace" in text
    assert "GPU-hours: 2 spent, about 1.33 left" in text and "CPU-hours: 2 spent" in text
    assert "1 x ValueError: 7: bits=4 and seed=0" in text


def test_watch_ends_with_the_sweep(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = [tiny_run(bits=4, seed=2), tiny_run(bits=4, seed=1)]
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        run = left.pop()
        rows_store(results).write(run.run_id, [row_of(run)])

    monkeypatch.setattr("sweep.status.time.sleep", sleep)
    run_main(monkeypatch, f"results_dir={results}", "watch=2.5", "format=json")
    looks = [json.loads(line)["sweeps"][0]["runs"] for line in capsys.readouterr().out.splitlines()]
    assert slept == [2.5, 2.5] and [look["finished"] for look in looks] == [2, 3, 4]


def test_ctrl_c_ends_a_watch(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("sweep.status.time.sleep", interrupt)
    run_main(monkeypatch, f"results_dir={results}", "watch=1", "format=json")
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_rows_of_other_code_than_was_planned(tmp_path: Path) -> None:
    """A run that failed is tried again whatever its code, and one without a row has none."""
    planned = TODAY.fingerprint
    failed = ended(1, code="edited", status="failed")
    rows = [ended(1, code=planned), ended(1, code="edited"), ended(1, code="edited", status="diverged"), failed, None]
    store_sweep(tmp_path, {tiny_run(seed=seed): row for seed, row in enumerate(rows)})
    (sweep,) = find_sweeps(tmp_path, "")
    assert sorted(sweep.by_other_code(sweep.runs())["seed"]) == [1, 2]
    assert "2 rows were made by other code than was planned" in describe(sweep)
    accept(tmp_path, "edited", planned)
    assert facts(sweep)["other_code"] == 0 and "other code" not in describe(sweep)


def accept(results_dir: Path, old: str, new: str) -> None:
    record_acceptance(results_dir, Acceptance("train", old, (new,), 1, "", "me@here", "", ""))


def test_plans_that_name_no_code_say_nothing_of_it(tmp_path: Path) -> None:
    store_sweep(tmp_path, {tiny_run(): ended(1, code="edited"), tiny_run(seed=1): None})
    (sweep,) = find_sweeps(tmp_path, "")
    pq.write_table(pq.read_table(sweep.folder.plan).drop_columns("code"), sweep.folder.plan)
    assert facts(sweep)["other_code"] == 0


@pytest.mark.parametrize("given", ["watch=-1", "watch=soon", "watch=inf", "format=yaml"])
def test_bad_arguments(given: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match=f"{given}: allowed are"):
        run_main(monkeypatch, f"results_dir={results}", given)


def test_tasks_are_listed_with_jobs_nodes_reasons_times_and_a_log() -> None:
    tasks = [
        *({"task": f"7_{i}", "state": "RUNNING", "reason": "None", "nodes": "n1", "start": "2026-01-01T00:00:00",
           "end": f"2026-01-01T0{i}:00:00", "log": f"/l/7_{i}"} for i in (1, 2)),
        {"task": "8", "state": "PENDING", "reason": "Priority", "nodes": "", "start": "2026-01-02T00:00:00",
         "end": "N/A", "log": "/l/8"},
    ]  # fmt: skip
    assert describe_tasks(tasks) == [
        "tasks in SLURM: 2 running, 1 pending",
        "  7_[1-2] running on n1, until 2026-01-01T02:00:00",
        "  8 pending (Priority), from 2026-01-02T00:00:00",
        "  a log: /l/8",
    ]
    assert describe_tasks([]) == []
