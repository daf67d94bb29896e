"""The plan: every run of a sweep, whether it is new, done, failed or stale, and what it will cost."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from sweep.config.checks import ConfigError, allowed
from sweep.config.facts import DataFacts
from sweep.config.networks import network_of
from sweep.config.part_classes import Rule
from sweep.config.parts import part_of, parts_of
from sweep.config.run import AUGMENTATIONS, RUN_FIELDS, DataSource, RunConfig, decodes_batches
from sweep.config.transfer import NO_TEACHER
from sweep.config.work import TRAINING, Kind, Options, Work
from sweep.plan.code import Code, CodeOf, CodeOfWork
from sweep.plan.cost import CostModel, engine_on, processor_for, processor_of
from sweep.results.schema import TABLE_OF

State = Literal["new", "done", "failed", "stale"]
STATES: tuple[State, ...] = ("new", "done", "failed", "stale")
ELSEWHERE = "elsewhere"  # in place of a state: another sweep has it in hand
TO_DO: Mapping[str, frozenset[str]] = {  # by `rerun`
    "missing": frozenset({"new", "failed"}),
    "stale": frozenset({"new", "failed", "stale"}),
}


@dataclass(frozen=True, slots=True)
class PlannedRun:
    run: RunConfig
    run_id: str
    source: DataSource
    state: State
    expected_s: float
    cost_from: str  # rows or operations
    code: Code  # of its row where that is done, otherwise the one that it is to be done with
    work: Work = TRAINING
    elsewhere: str = ""  # id of the sweep that has it in hand

    @property
    def task_id(self) -> str:
        return self.work.task_id(self.run_id)


@dataclass(frozen=True)
class Plan:
    """Runs in the order of the grid, each once."""

    study: str
    runs: tuple[PlannedRun, ...]
    duplicates: int  # points of the grid that are equal to an earlier one
    kind: Kind = "train"  # of the work that is done with them

    @property
    def sweep_id(self) -> str:
        """Names the sweep by its study and its runs: the same command is the same sweep."""
        ids = "\n".join([self.study, *sorted(planned.task_id for planned in self.runs)])
        return hashlib.sha256(ids.encode()).hexdigest()[:12]

    def to_do(self, rerun: str) -> list[PlannedRun]:
        """Returns what has to be done and no other sweep has in hand.

        That are new and failed runs, with `rerun="stale"` stale ones too.
        """
        return [planned for planned in self.wanted(rerun) if not planned.elsewhere]

    def wanted(self, rerun: str) -> list[PlannedRun]:
        """Returns what has to be done, by this sweep or by another that has it in hand."""
        return [planned for planned in self.runs if planned.state in TO_DO[rerun]]

    def leaving(self, sweeps: Mapping[str, str]) -> "Plan":
        """Returns the plan where tasks, by their ids, are left to the sweeps with these ids."""
        if not sweeps:
            return self
        runs = (dataclasses.replace(planned, elsewhere=sweeps.get(planned.task_id, "")) for planned in self.runs)
        return dataclasses.replace(self, runs=tuple(runs))

    def write(self, path: Path, rerun: str = "missing") -> None:
        """Writes one row per task: ids, state, cost, code and the whole science config of its run."""
        columns: dict[str, list[Any]] = {
            "task_id": [p.task_id for p in self.runs],
            "run_id": [p.run_id for p in self.runs],
            "state": [_shown_state(p) for p in self.runs],
            "expected_s": [p.expected_s for p in self.runs],
            "cost_from": [p.cost_from for p in self.runs],
            "code": [p.code.fingerprint for p in self.runs],
        }
        columns |= {name: [getattr(p.run, name) for p in self.runs] for name in RUN_FIELDS}
        beside = path.with_name(f".{path.name}")
        pq.write_table(pa.table(columns, metadata={"study": self.study, "kind": self.kind, "rerun": rerun}), beside)
        beside.replace(path)


def check_run(run: RunConfig, facts: DataFacts, processor: str) -> None:
    """Raises `ConfigError` where `run` asks for what its data set, or `processor`, does not have."""
    if run.precision == "tf32" and processor == "cpu":
        raise ConfigError(
            "precision=tf32: a CPU has no such arithmetic; take precision=fp32 or a GPU (engine=array rounds on a "
            "CPU as a GPU would)"
        )
    for name, size in (("train_subset", facts.train_size), ("test_subset", facts.test_size)):
        if getattr(run, name) > size:
            raise ConfigError(f"{name}={getattr(run, name)}: {run.dataset} has {size} such images; 0 takes all")
    if decodes_batches(run) and not facts.has_files:
        others = allowed(name for name in AUGMENTATIONS if name != run.augmentation)
        raise ConfigError(
            f"augmentation={run.augmentation}: it crops image files of any size (dataset=image_folder, imagenet), and "
            f"{run.dataset} has images of one size; allowed are {others}"
        )
    if decodes_batches(run) and (run.crops > 1 or run.crop_pool or run.teacher != NO_TEACHER):
        raise ConfigError(
            f"augmentation={run.augmentation} with crops={run.crops}, crop_pool={run.crop_pool}, "
            f"teacher={run.teacher}: batches decoded from files have one new crop per image, and no teacher; take "
            f"crops=1, crop_pool=0 and teacher=none, or augmentation=resized_crop_flip, in memory"
        )
    needed = network_of(run.model).misfit(facts.channels, facts.height, facts.width)
    if needed:
        raise ConfigError(
            f"model={run.model} takes {needed}; those of {run.dataset} are {facts.height} x {facts.width} with "
            f"{facts.channels} channels"
        )
    train_size = facts.subset(run)[0]
    if train_size % run.batch_size == 1:
        raise ConfigError(
            f"batch_size={run.batch_size}: the last batch of {train_size} training images would hold one image, "
            f"on which batch normalization is not defined; take another batch_size or train_subset"
        )


def check_processes(run: RunConfig, facts: DataFacts, processes: int) -> None:
    """Raises `ConfigError` where `processes` cannot train `run` together as one would."""
    train_size = facts.subset(run)[0]
    smallest = train_size % run.batch_size or min(train_size, run.batch_size)
    if smallest < processes:
        raise ConfigError(
            f"processes_per_run={processes}: the smallest batch has {smallest} images, of which each process needs one "
            f"({train_size} training images, batch_size={run.batch_size})"
        )
    if processes > 1 and run.teacher != NO_TEACHER:
        raise ConfigError(f"processes_per_run={processes} with a teacher: take teacher=none, or processes_per_run=1")
    if processes > 1 and not part_of(Rule, run.rule).splits_over_processes:
        rules = allowed(rule.name for rule in parts_of(Rule).values() if rule.splits_over_processes)
        raise ConfigError(
            f"processes_per_run={processes} with rule={run.rule}: processes share the gradient of a plain step only; "
            f"take rule={rules}, or processes_per_run=1"
        )
    if processes > 1 and run.act_grad_scale == "batch":
        raise ConfigError(
            f"processes_per_run={processes} with act_grad_scale=batch: a process knows the size of its part of a batch "
            f"only; take act_grad_scale=sample, or processes_per_run=1"
        )


def make_plan(
    study: str,
    points: Iterable[tuple[RunConfig, DataSource]],
    facts: Mapping[str, DataFacts],
    rows: Sequence[Mapping[str, Any]],
    code: CodeOf,
    processor: str,
    processes: int = 1,
) -> Plan:
    """The plan of `points`, against the stored `rows` and today's `code` of each.

    `facts` by name of the data set; `processor` of the workers, see `sweep.plan.cost.processor_of`; `processes` train
    one run together. Raises `ConfigError`.
    """
    cost = cache(lambda processor: CostModel(processor, rows, facts))
    stored = {row["run_id"]: row for row in rows}
    planned: dict[str, PlannedRun] = {}
    points_count = 0
    for run, source in points:
        points_count += 1
        run_id = run.run_id
        if run_id not in planned:
            check_run(run, facts[run.dataset], processor)
            check_processes(run, facts[run.dataset], processes)
            own = processor_for(run, processor)
            seconds, origin = cost(own).expected_s(run, facts[run.dataset])
            state, of_run = _trained_state(stored.get(run_id), run, source, engine_on(own), code)
            planned[run_id] = PlannedRun(run, run_id, source, state, seconds / processes, origin, of_run)
    return Plan(study, tuple(planned.values()), points_count - len(planned))


def plan_work(
    kind: Kind,
    points: Iterable[tuple[RunConfig, DataSource, Options]],
    stored: Mapping[str, Mapping[str, Any]],
    code: CodeOfWork,
    expected: Callable[[RunConfig, Any], tuple[float, str]],
) -> Plan:
    """The plan of work of `kind` on trained runs, in the order of `points`, each with its options.

    `stored`: rows of such work by task id; `expected`: seconds that it takes, and what they come from.
    """
    planned: dict[str, PlannedRun] = {}
    count = 0
    for run, source, options in points:
        count += 1
        run_id, work = run.run_id, Work(kind, options)
        task_id = work.task_id(run_id)
        own = code(run, source, options)
        state = state_of(stored.get(task_id), own)
        planned[task_id] = PlannedRun(run, run_id, source, state, *expected(run, options), own, work)
    return Plan(kind, tuple(planned.values()), count - len(planned), kind)


def is_like(row: Mapping[str, Any], processor: str) -> bool:
    """Tells if the time that stored work took says what such work will take on `processor`."""
    return row["status"] == "finished" and processor_of(row["device"], None) == processor


def _trained_state(
    row: Mapping[str, Any] | None, run: RunConfig, source: DataSource, engine: str, code: CodeOf
) -> tuple[State, Code]:
    """As `state_of`, of a row that any engine may have made, and the code that goes with it."""
    own = code(run, source, engine)
    theirs = code(run, source, row["engine"] or "plain") if row else own
    state = state_of(row, theirs)
    return state, theirs if state == "done" else own


def state_of(row: Mapping[str, Any] | None, code: Code) -> State:
    """Returns what the stored row of a task says of it, for its `code` today."""
    if row is None:
        return "new"
    if row["status"] == "failed":
        return "failed"
    return "done" if code.made(row["code"]) else "stale"


def summarize(plan: Plan, workers: int, rerun: str) -> str:
    """The plan as text: per bit width and in total, runs by state and the cost of what is left to do."""
    from rich.table import Table

    from sweep.terminal import duration, render

    bits_of = sorted({p.run.bits for p in plan.runs})
    columns = (*STATES, ELSEWHERE) if any(p.elsewhere for p in plan.runs) else STATES
    table = Table("bits", "runs", *columns, "per run", "to do")
    for column in table.columns:
        column.justify = "right"
    to_do = plan.to_do(rerun)
    for bits in bits_of:
        table.add_row(*_summary_row(str(bits), [p for p in plan.runs if p.run.bits == bits], columns, to_do))
    table.add_section()
    table.add_row(*_summary_row("all", list(plan.runs), columns, to_do))
    total_s = sum(p.expected_s for p in to_do)
    origins = Counter(p.cost_from for p in plan.runs)
    source = " and ".join(f"{name} for {count} runs" for name, count in sorted(origins.items(), reverse=True))
    lines = [
        render(table).rstrip(),
        f"cost from {source}: {duration(total_s)} of one worker, "
        f"about {duration(total_s / max(1, min(workers, len(to_do))))} on {workers}",
    ]
    if plan.duplicates:
        lines.append(f"{plan.duplicates} points of the grid are equal to others and run once")
    if any(p.state == "stale" for p in plan.runs) and rerun == "missing":
        lines.append(f"stale: {TABLE_OF[plan.kind].past} by other code; kept as they are unless you say rerun=stale")
    return "\n".join(lines)


def _shown_state(planned: PlannedRun) -> str:
    return ELSEWHERE if planned.elsewhere else planned.state


def _summary_row(label: str, runs: list[PlannedRun], columns: Sequence[str], to_do: list[PlannedRun]) -> list[str]:
    from sweep.terminal import duration

    states = Counter(map(_shown_state, runs))
    ids = {p.task_id for p in runs}
    mean_s = sum(p.expected_s for p in runs) / len(runs)
    left_s = sum(p.expected_s for p in to_do if p.task_id in ids)
    return [label, str(len(runs)), *(str(states[s]) for s in columns), duration(mean_s), duration(left_s)]
