"""Packs: the tasks that one worker executes, one after another or as arrays."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sweep import PROJECT
from sweep.config.engines import engine_for
from sweep.config.run import DataSource, RunConfig, array_key, can_join_array
from sweep.config.settings import Settings
from sweep.config.work import TRAINING, Work
from sweep.plan.plan import PlannedRun
from sweep.results.paths import ResultsDir, SweepDir

PACKS_PER_WORKER = 3  # at least, so that workers end at about the same time
SHORTEST_PACK_S = 20.0  # a worker takes seconds to import torch
FULL_CARD_MEMBERS = 8  # fewer small networks than this do not fill a GPU (calculated)


@dataclass(frozen=True)
class Task:
    """One run as a worker gets it, and what to do with it."""

    run: RunConfig
    run_id: str
    source: DataSource
    attempt: int
    has_row: bool  # a stale one, which a failure must not replace
    expected_s: float
    entries: frozenset[str]  # see `sweep.plan.code.Code`
    code: str  # fingerprint of its code: as planned, and in a worker of what that imported
    work: Work = TRAINING

    @property
    def task_id(self) -> str:
        return self.work.task_id(self.run_id)


@dataclass(frozen=True)
class Pack:
    pack_id: str
    tasks: tuple[Task, ...]  # of one kind of work
    sweep_dir: str
    settings: Settings
    launcher_pid: int | None = None  # of the launcher on this machine with which its worker ends; None: with none
    time_limit_s: float | None = None  # of its task, on a cluster
    warning_s: float = 0.0  # how long before it SLURM sends SIGUSR2
    prunable: bool = False  # record evaluated epochs in the journal, and look for prune requests
    project: str = str(PROJECT)  # the folder whose packages its worker imports: the checkout, or a snapshot of it
    search_path: tuple[str, ...] = ()  # where the command found modules; the last folders where a worker looks

    @property
    def sweep(self) -> SweepDir:
        return SweepDir(Path(self.sweep_dir))

    @property
    def results(self) -> ResultsDir:
        return ResultsDir(Path(self.settings.results_dir))

    @property
    def journal(self) -> Path:
        return self.sweep.journal(self.pack_id)

    @property
    def expected_s(self) -> float:
        return sum(task.expected_s for task in self.tasks)


def make_tasks(to_do: Sequence[PlannedRun], attempts: Mapping[str, int]) -> list[Task]:
    """Returns the tasks of `to_do`; `attempts` tells how often each task id was started before."""
    return [
        Task(
            p.run, p.run_id, p.source, attempts.get(p.task_id, 0) + 1, p.state == "stale", p.expected_s,
            p.code.entries, p.code.fingerprint, p.work,
        )
        for p in to_do
    ]  # fmt: skip


def split_into_packs(
    tasks: Sequence[Task], workers: int, pack_minutes: float, limit: Callable[[Task], int] | None = None
) -> list[tuple[Task, ...]]:
    """Divides `tasks` into those that together take about `pack_minutes`, less where workers would wait; longest first.

    With a `limit` a pack is one array: tasks of one architecture, at most as many as `limit` says of its first.
    Tasks that cannot join an array get packs of their own.
    """
    total_s = sum(task.expected_s for task in tasks)
    limit_s = min(pack_minutes * 60, max(total_s / (workers * PACKS_PER_WORKER), SHORTEST_PACK_S))
    if limit is None:
        packs = _filled(tasks, limit_s, len(tasks), at_least=1)
    else:
        groups, others = array_groups(tasks)
        packs = [pack for group in groups for pack in _filled(group, limit_s, limit(group[0]), FULL_CARD_MEMBERS)]
        packs += _filled(others, limit_s, len(others), at_least=1)
    return sorted(map(tuple, packs), key=lambda pack: -sum(task.expected_s for task in pack))


def _filled(tasks: Sequence[Task], limit_s: float, at_most: int, at_least: int) -> list[list[Task]]:
    """Consecutive tasks, each pack until `limit_s` or `at_most`, and not before `at_least`."""
    packs: list[list[Task]] = []
    filled_s = 0.0
    for task in tasks:
        is_full = not packs or len(packs[-1]) == at_most or (filled_s >= limit_s and len(packs[-1]) >= at_least)
        if is_full:
            packs.append([])
            filled_s = 0.0
        packs[-1].append(task)
        filled_s += task.expected_s
    return packs


def engine_of(task: Task, settings: Settings) -> str:
    """Returns the engine that trains `task`: the plain one where it cannot join an array."""
    return engine_for(task.run, settings.engine)


def array_groups(tasks: Sequence[Task]) -> tuple[list[list[Task]], list[Task]]:
    """Returns the tasks that can train in one array, group by group, and those that cannot join one."""
    groups: dict[tuple[Any, ...], list[Task]] = {}
    others = []
    for task in tasks:
        if can_join_array(task.run):
            groups.setdefault((task.source, *array_key(task.run)), []).append(task)
        else:
            others.append(task)
    return list(groups.values()), others
