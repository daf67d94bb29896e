"""Packs of small runs, done in this process, and what is seen of them afterwards."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.journal import JournalReader
from sweep.results.paths import ResultsDir
from sweep.results.rows import rows_store
from tests.conftest import DIGITS, tiny_run

ENGINES = ("plain", "array")


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    """A worker takes these for its process, which here is that of the tests."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGUSR2)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pack_of(
    seeds: int, tmp_path: Path, engine: str = "plain", pack_id: str = "pack", sweep_id: str = "", **settings: Any
) -> Pack:
    """Runs of one architecture that differ in their seeds."""
    runs = [tiny_run(epochs=1, seed=seed) for seed in range(seeds)]
    tasks = tuple(
        Task(run, run.run_id, DIGITS, attempt=1, has_row=False, expected_s=1.0, entries=frozenset(), code="")
        for run in runs
    )
    asked = Settings(engine=engine, device="cpu", results_dir=str(tmp_path), **settings)  # type: ignore[arg-type]
    folder = ResultsDir(tmp_path).sweep(sweep_id).path if sweep_id else tmp_path
    return Pack(pack_id, tasks, str(folder), asked, launcher_pid=0)


def events(pack: Pack) -> list[tuple[str, int]]:
    """Of its journal: the event and the seed of its run."""
    seeds = {task.task_id: task.run.seed for task in pack.tasks}
    found = JournalReader(pack.journal).new_events()
    return [(event.label, seeds[event.task_id]) for event in found]


def statuses(tmp_path: Path) -> list[str]:
    return list(rows_store(tmp_path).read()["status"].to_pylist())
