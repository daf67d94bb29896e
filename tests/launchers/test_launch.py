"""The rules by which runs of dead workers are tried again, with an executor that only pretends."""

import errno
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from launchers.launch import POLL_S, Launch, Pause
from launchers.plan_launcher import Ended
from launchers.progress import Tally
from sweep.config.checks import ConfigError
from sweep.config.disk import full_disk
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.results.events import Died, Elsewhere, EndedEarly, Finished, Started
from sweep.results.journal import History, events_of, record
from sweep.results.paths import ResultsDir, SweepDir
from sweep.results.rows import rows_store
from sweep.worker import causes
from tests.plan.tasks import tasks

WORKER: dict[str, Any] = {"cpu": "EPYC", "cpu_capability": "AVX2", "torch_version": "2.13.0", "qsweep_version": "0.1"}
REASONS = {causes.CRASHED: "crashed by SIGSEGV on EPYC (AVX2) with torch 2.13.0, qsweep 0.1"}


class Pretence:
    """Ends the worker of each pack at its first run, for the next cause of a script; then finishes all runs.

    Of "early CAUSE" it ends before that.
    """

    def __init__(self, sweep_dir: SweepDir, script: list[str], as_arrays: bool) -> None:
        self._sweep_dir, self._script, self._as_arrays = sweep_dir, script, as_arrays
        self.submitted: list[list[int]] = []  # seeds of the runs of each pack
        self.attempts: list[int] = []  # of the first run of each pack
        self._new: list[Pack] = []
        self._ended: list[Ended] = []
        self.stopped = False

    def submit(self, packs: Sequence[Pack]) -> None:
        self.submitted += [[task.run.seed for task in pack.tasks] for pack in packs]
        self.attempts += [pack.tasks[0].attempt for pack in packs]
        self._new += packs
        assert all(pack.project == "/project" for pack in packs)  # also of those that are submitted again

    def advance(self) -> None:
        self._ended = []
        log = self._sweep_dir.path / "log"
        for pack in self._new:
            if self._script and self._script[0].startswith("early "):
                log.write_text("the last words")
                cause = self._script.pop(0).removeprefix("early ")
                self._ended.append(Ended(pack, cause, log, "", "7_1", "FAILED, exit code 3", "Give it more."))
                continue
            for task in pack.tasks if self._as_arrays else pack.tasks[:1]:
                record(pack.journal, Started(task.run_id, **WORKER))
            if self._script:
                cause = self._script.pop(0)
                crash = "SIGSEGV" if cause == causes.CRASHED else ""
                self._ended.append(Ended(pack, cause, log, crash))
            else:
                for task in pack.tasks:
                    record(pack.journal, Finished(task.run_id))
        self._new = []

    def ended(self) -> list[Ended]:
        return self._ended

    def finish(self, pack: Pack) -> None:
        pass

    def summary(self) -> str:
        return ""

    def interrupt(self) -> None:
        pass

    def way_on(self) -> str:
        return ""

    def stop(self) -> None:
        self.stopped = True


class Patience:
    """Waits for nothing, and not for ever: a launch that looks again and again at what never ends fails."""

    def __init__(self, looks: int = 100) -> None:
        self._left = looks

    def __call__(self, seconds: float) -> None:
        self._left -= 1
        assert self._left, "the launch still waits, and no worker is left that could end"


def follow(tmp_path: Path, script: list[str], runs: int = 3, **settings: Any) -> tuple[Tally, Pretence]:
    sweep_dir = ResultsDir(tmp_path).sweep("s")
    sweep_dir.path.mkdir(parents=True, exist_ok=True)
    executor = Pretence(sweep_dir, script, settings.get("engine") == "array")
    given = tasks([1.0] * runs)
    asked = Settings(results_dir=str(tmp_path), **settings)
    one = Launch(given, asked, sweep_dir, Path("/project"), 1, executor, sleep=Patience())  # type: ignore[arg-type]
    one.submit(given)
    return one.follow(), executor


def statuses(tmp_path: Path) -> list[str]:
    store = rows_store(tmp_path)
    return store.read()["status"].to_pylist() if store.path.exists() else []


@pytest.mark.parametrize("cause", [causes.KILLED, causes.CRASHED, causes.TIMED_OUT, causes.PREEMPTED, causes.NODE_LOST])
def test_what_is_left_is_submitted_again_with_the_next_attempt(cause: str, tmp_path: Path) -> None:
    tally, executor = follow(tmp_path, [cause])
    assert executor.submitted == [[0, 1, 2], [0, 1, 2]]
    assert executor.attempts == [1, 2]
    assert list(tally.ended.values()) == ["finished"] * 3


def test_a_run_that_needs_much_memory_comes_back_alone(tmp_path: Path) -> None:
    _, executor = follow(tmp_path, [causes.OUT_OF_MEMORY])
    assert executor.submitted == [[0, 1, 2], [0], [1, 2]]


@pytest.mark.parametrize("cause", [causes.KILLED, causes.CRASHED, causes.OUT_OF_MEMORY])
def test_an_array_whose_worker_was_killed_comes_back_in_halves(cause: str, tmp_path: Path) -> None:
    """Only the run that is killed alone counts deaths, until it has failed."""
    tally, executor = follow(tmp_path, [cause] * 3, runs=5, engine="array", max_attempts=1, max_out_of_memory=1)
    assert executor.submitted == [[0, 1, 2, 3, 4], [0, 1], [2, 3, 4], [0], [1], [2], [3, 4]]
    assert executor.attempts == [1, 2, 2, 3, 3, 3, 3]
    assert list(tally.ended.values()) == ["finished"] * 5
    tally, executor = follow(tmp_path / "alone", [cause], runs=1, engine="array", max_attempts=1, max_out_of_memory=1)
    assert list(tally.errors.values()) == [f"the worker ended 1 times at this run: {REASONS.get(cause, cause)}"]


def test_an_array_that_was_preempted_comes_back_whole(tmp_path: Path) -> None:
    _, executor = follow(tmp_path, [causes.PREEMPTED, causes.NODE_LOST], runs=4, engine="array")
    assert executor.submitted == [[0, 1, 2, 3]] * 3
    assert executor.attempts == [1, 2, 3]


@pytest.mark.parametrize(
    ("cause", "setting"),
    [
        (causes.KILLED, "max_attempts"),
        (causes.CRASHED, "max_attempts"),
        (causes.TIMED_OUT, "max_timeouts"),
        (causes.PREEMPTED, "max_preemptions"),
        (causes.NODE_LOST, "max_node_losses"),
        (causes.OUT_OF_MEMORY, "max_out_of_memory"),
    ],
)
def test_each_cause_has_its_limit(cause: str, setting: str, tmp_path: Path) -> None:
    tally, executor = follow(tmp_path, [cause] * 2, runs=1, **{setting: 2})
    assert len(executor.submitted) == 2
    assert list(tally.errors.values()) == [f"the worker ended 2 times at this run: {REASONS.get(cause, cause)}"]
    assert statuses(tmp_path) == ["failed"]


def test_causes_are_counted_apart(tmp_path: Path) -> None:
    script = [causes.KILLED, causes.CRASHED, causes.NODE_LOST, causes.KILLED, causes.CRASHED]
    tally, _ = follow(tmp_path, script, runs=1, max_attempts=3)
    assert tally.errors == {}


def test_a_run_that_is_given_up_does_not_take_the_others_along(tmp_path: Path) -> None:
    tally, executor = follow(tmp_path, [causes.KILLED], max_attempts=1)
    assert executor.submitted == [[0, 1, 2], [1, 2]]
    assert sorted(tally.ended.values()) == ["failed", "finished", "finished"]


def test_the_row_of_a_crash_tells_what_of_on_which_cpu_and_where_the_log_is(tmp_path: Path) -> None:
    log = tmp_path / "sweeps" / "s" / "log"
    log.parent.mkdir(parents=True)
    log.write_text("epoch 1\nFatal Python error: Segmentation fault\n\nThread 0x1\n" + "  File ...\n" * 40)
    follow(tmp_path, [causes.CRASHED], runs=1, max_attempts=1)
    (row,) = rows_store(tmp_path).read().to_pylist()
    first, *trace = row["error"].splitlines()
    place = f"end of {log} at run {row['run_id'][:12]}:"
    assert first == f"the worker ended 1 times at this run: {REASONS[causes.CRASHED]}; {place}"
    assert trace == ["Fatal Python error: Segmentation fault", "", "Thread 0x1", *["  File ..."] * 40]
    assert (row["cpu_capability"], row["torch_version"], row["qsweep_version"]) == ("AVX2", "2.13.0", "0.1")


def test_deaths_count_over_launches(tmp_path: Path) -> None:
    """A launcher that was killed does not start the count anew."""
    run_id = tasks([1.0])[0].run_id
    record(ResultsDir(tmp_path).sweep("s").journal("earlier"), Died(run_id, causes.KILLED))
    tally, _ = follow(tmp_path, [causes.KILLED], runs=1, max_attempts=2)
    assert len(tally.errors) == 1
    assert History(tmp_path).deaths == {}  # a failed run starts anew


def test_cancelled_tasks_are_not_submitted_again(tmp_path: Path) -> None:
    tally, executor = follow(tmp_path, [causes.CANCELLED])
    assert executor.submitted == [[0, 1, 2]]
    assert list(tally.ended.values()) == ["cancelled"] * 3
    assert statuses(tmp_path) == []
    assert "3 cancelled" in tally.line()


def test_one_error_of_all_first_runs_stops_the_sweep(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the first 2 runs all failed with: the worker ended 1 times"):
        follow(tmp_path, [causes.KILLED] * 9, runs=9, max_attempts=1, stop_after_same_error=2)


EARLY = [causes.KILLED, causes.CRASHED, causes.TIMED_OUT, causes.OUT_OF_MEMORY]


@pytest.mark.parametrize("cause", EARLY)
def test_a_task_that_ends_before_its_first_run_blames_none_and_comes_back_whole(cause: str, tmp_path: Path) -> None:
    tally, executor = follow(tmp_path, [f"early {cause}"] * 2, max_out_of_memory=1)
    assert executor.submitted == [[0, 1, 2]] * 3 and executor.attempts == [1, 1, 1]
    assert list(tally.ended.values()) == ["finished"] * 3
    assert History(tmp_path).deaths == {}


@pytest.mark.parametrize("cause", EARLY)
def test_environments_in_which_no_run_begins_stop_the_sweep(cause: str, tmp_path: Path) -> None:
    """With what the scheduler says, the end of the log, and what to do; the next command starts the count anew."""
    for _ in range(2):
        with pytest.raises(ConfigError) as error:
            follow(tmp_path, [f"early {cause}"] * 9, runs=6, pack_minutes=1e-9, max_attempts=3)
        first, *others = str(error.value).splitlines()
        assert first.startswith("3 tasks ended before their first run, so that the sweep stops; no run is to blame.")
        assert f"The last: {cause}" in first and "; FAILED, exit code 3; job 7_1; log: " in first
        assert others == ["the last words", "Give it more."]
    assert statuses(tmp_path) == [] and History(tmp_path).deaths == {}
    (sweep,) = ResultsDir(tmp_path).path.glob("sweeps/*")
    early = [event for event in events_of(SweepDir(sweep).journals()) if isinstance(event, EndedEarly)]
    assert len(early) == 6 and {(event.job, event.detail) for event in early} == {("7_1", "FAILED, exit code 3")}


def test_a_run_that_begins_shows_that_environments_are_sound(tmp_path: Path) -> None:
    script = ["early killed", "early killed", causes.KILLED, "early killed", "early killed"]
    tally, executor = follow(tmp_path, script, max_attempts=3)
    assert list(tally.ended.values()) == ["finished"] * 3 and not executor.stopped


def test_a_node_on_which_nothing_begins_does_not_hold_a_pack_for_ever(tmp_path: Path) -> None:
    """While other runs begin elsewhere."""
    script = ["early killed", causes.NODE_LOST] * 9
    with pytest.raises(ConfigError, match="3 tasks ended before their first run"):
        follow(tmp_path, script, runs=2, pack_minutes=1e-9, max_attempts=3)


def test_a_full_disk_stops_the_sweep_in_one_line_and_blames_no_run(tmp_path: Path) -> None:
    log = ResultsDir(tmp_path).sweep("s").path / "log"
    log.parent.mkdir(parents=True)
    line = full_disk(OSError(errno.ENOSPC, "No space left on device", "/r/rows/x.parquet"))
    log.write_text(f"epoch 1\n{line}\nsrun: error: task 0: Exited with exit code 1\n")
    with pytest.raises(
        ConfigError, match=r"^no space left for /r/rows/x.parquet: .* the same command goes on"
    ) as error:
        follow(tmp_path, [causes.KILLED] * 9, runs=2, max_attempts=1)
    assert "\n" not in str(error.value)
    assert statuses(tmp_path) == [] and History(tmp_path).deaths == {}


@pytest.mark.parametrize(
    ("wall_s", "cpu_s", "pause_s"), [(0.0, 0.0, POLL_S), (0.1, 0.0, 0.9), (0.03, 0.02, 1.98), (9.0, 9.0, 5.0)]
)
def test_watching_takes_a_hundredth_of_a_core(
    wall_s: float, cpu_s: float, pause_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = [0.0, 0.0]
    monkeypatch.setattr(time, "monotonic", lambda: 100.0 + spent[0])
    monkeypatch.setattr(time, "process_time", lambda: 100.0 + spent[1])
    pause = Pause()
    spent[:] = [wall_s, cpu_s]
    assert pause.seconds() == pytest.approx(pause_s)


class PassingOver(Pretence):
    """Passes over the first run of its pack, of which somebody else leaves the row."""

    def advance(self) -> None:
        packs, self._new = self._new, []
        self._ended = [Ended(pack, causes.KILLED, Path()) for pack in self._passed]
        for task in (pack.tasks[0] for pack in packs):
            rows_store(Path(self._sweep_dir.results.path)).write(
                task.run_id, [{"run_id": task.run_id, "status": "diverged", "code": "theirs"}]
            )
        self._passed = packs
        for pack in packs:
            record(pack.journal, Elsewhere(pack.tasks[0].task_id))
            for task in pack.tasks[1:]:
                record(pack.journal, Finished(task.task_id))

    _passed: Sequence[Pack] = ()


def test_what_a_worker_passed_over_is_followed_and_not_submitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("launchers.deferred.LOOK_EVERY_S", 0.0)
    sweep_dir, given = ResultsDir(tmp_path).sweep("s"), tasks([1.0] * 3)
    executor = PassingOver(sweep_dir, [], as_arrays=False)
    asked = Settings(results_dir=str(tmp_path))
    one = Launch(given, asked, sweep_dir, Path("/project"), 1, executor, sleep=lambda seconds: None)
    one.submit(given)
    assert sorted(one.follow().ended.values()) == ["diverged", "finished", "finished"]
    assert executor.submitted == [[0, 1, 2]]
