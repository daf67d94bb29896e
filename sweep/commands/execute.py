"""One sweep from its points to its rows: plan, launch, compact. Everything meets here."""

import os
import platform
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from launchers.elsewhere import held_elsewhere, in_words
from launchers.plan_launcher import Listener, PlanLauncher
from launchers.progress import Tally
from sweep import PROJECT, data
from sweep.commands.todays_code import todays_code
from sweep.config.checks import ConfigError
from sweep.config.engines import resolved_for
from sweep.config.facts import DataFacts
from sweep.config.run import RUN_FIELDS, DataSource, RunConfig, decodes_batches
from sweep.config.settings import Settings
from sweep.config.studies import known_studies, study_table_of
from sweep.plan.cost import processor_of
from sweep.plan.packs import make_tasks
from sweep.plan.plan import Plan, PlannedRun, make_plan, summarize
from sweep.results import locks
from sweep.results.claims import check_claims
from sweep.results.compaction import compact_all
from sweep.results.journal import History
from sweep.results.paths import ResultsDir, SweepDir
from sweep.results.rows import STORES, Store, stored
from sweep.terminal import shell_command
from sweep.worker.snapshot import make_snapshot

Point = tuple[RunConfig, DataSource]
PLAN_COLUMNS = ("run_id", "status", "code", "seconds", "device", "engine", "processes", *RUN_FIELDS)
_OUTCOME = ("run_id", "status", "train_loss", "train_acc", "test_loss", "test_acc", "gap", "best_epoch")
INTERRUPTED = 130


def describe_all(sources: Iterable[DataSource]) -> dict[str, DataFacts]:
    """Returns what is known of the data sets of `sources`, by name; raises `ConfigError`."""
    return {source.name: data.describe(source) for source in dict.fromkeys(sources)}


def train(points: Iterable[Point], facts: dict[str, DataFacts], settings: Settings, launcher: PlanLauncher) -> None:
    """Plans `points`, shows the plan, trains what is missing. Exits with 1 where runs failed."""
    settings = resolved(settings, launcher)
    results_dir = Path(settings.results_dir)
    processor = processor_of(settings.device, settings.engine)
    rows = stored(results_dir, PLAN_COLUMNS)
    processes = settings.processes_per_run
    code = todays_code("train", results_dir, rows).of
    plan = make_plan(settings.study, points, facts, rows, code, processor, processes)
    check_kernels(plan, settings)
    show_and_launch(plan, settings, launcher)
    if settings.dry_run:
        return
    if len(plan.runs) == 1:
        print(_outcome(results_dir, plan.runs[0].run_id))
    print(next_commands(plan, results_dir))


def next_commands(plan: Plan, results_dir: Path) -> str:
    """Returns the commands, one per line, that make a table of the results."""
    where = {"results_dir": results_dir, "sweep": plan.sweep_id}
    if plan.study not in known_studies():
        return f"table: {shell_command('sweep.tables', **where)}"
    after = study_table_of(plan.study).after
    first = [f"then: {shell_command(f'sweep.{after}', '-m', **where)}"] if after else []
    return "\n".join([*first, f"table: {shell_command('sweep.tables', study=plan.study, **where)}"])


def resolved(settings: Settings, launcher: PlanLauncher) -> Settings:
    """Returns `settings` with the device and the engine that `auto` stands for where `launcher` has its workers.

    Raises `ConfigError` where the launcher cannot do what `settings` ask.
    """
    launcher.check(settings)
    return resolved_for(launcher.device(settings), settings)


def show_and_launch(
    plan: Plan,
    settings: Settings,
    launcher: PlanLauncher,
    prepare: Callable[[Sequence[PlannedRun], Settings], None] = lambda to_do, settings: None,
) -> None:
    """Shows `plan` and, unless `dry_run`, does what is left of it. Exits with 1 where work failed.

    `prepare` is told what is left before any worker starts.
    """
    results_dir = Path(settings.results_dir)
    sweep_dir = ResultsDir(results_dir).sweep(plan.sweep_id)
    print(f"sweep {plan.sweep_id} on {processor_of(settings.device, settings.engine)}, results in {results_dir}")
    plan, others = shared(plan, settings, sweep_dir)
    print("\n".join(filter(None, (summarize(plan, launcher.workers(settings), settings.rerun), others))), flush=True)
    if to_do := plan.to_do(settings.rerun):
        print("\n".join(launcher.describe(make_tasks(to_do, {}), settings)), flush=True)
    if settings.dry_run:
        return
    sweep_dir.path.mkdir(parents=True, exist_ok=True)
    plan.write(sweep_dir.plan, settings.rerun)
    if wanted := plan.wanted(settings.rerun):
        with stopped_and_compacted(results_dir), only_launcher(sweep_dir):
            project = project_of_workers(settings, sweep_dir)
            prepare(wanted, settings)
            tally = launch(plan, settings, launcher, sweep_dir, project)
        exit_on_errors(tally.errors, STORES[plan.kind](results_dir))
    else:
        print("nothing to do: every run has its row")


def shared(plan: Plan, settings: Settings, sweep_dir: SweepDir) -> tuple[Plan, str]:
    """Returns `plan` without what other sweeps have in hand, of which it tells in words."""
    held = held_elsewhere(sweep_dir, [planned.task_id for planned in plan.wanted(settings.rerun)])
    return plan.leaving({task_id: holder.sweep_id for task_id, holder in held.items()}), in_words(held.values())


def check_kernels(plan: Plan, settings: Settings) -> None:
    """Raises `ConfigError` where kernels=triton asks for what these kernels cannot do."""
    if settings.kernels == "torch":
        return
    if (settings.device, settings.engine) != ("cuda", "array"):
        raise ConfigError(
            "kernels=triton: these are for arrays on GPUs; take kernels=torch, or device=cuda engine=array"
        )
    if any(planned.run.precision == "fp64" for planned in plan.runs):
        raise ConfigError("kernels=triton with precision=fp64: allowed are fp32, tf32, bf16, fp16, or kernels=torch")


@contextmanager
def only_launcher(sweep_dir: SweepDir) -> Iterator[None]:
    """Raises `ConfigError` while another launcher works at this sweep. The lock ends with the process that holds it."""
    with sweep_dir.lock.open("a+") as lock:
        if not locks.lock(lock):
            lock.seek(0)
            raise ConfigError(
                f"sweep {sweep_dir.sweep_id} is being trained by {lock.read() or 'another launcher'}; "
                f"`python -m sweep.status` shows how it goes"
            )
        lock.truncate(0)
        lock.write(f"process {os.getpid()} on {platform.node()}")
        lock.flush()
        yield


def _outcome(results_dir: Path, run_id: str) -> str:
    """One run in one line."""
    row = next((row for row in stored(results_dir, _OUTCOME) if row["run_id"] == run_id), {"status": "has no row yet"})
    if row["status"] != "finished":
        return f"run {run_id[:12]}: {row['status']}"
    return (
        f"run {run_id[:12]}: train loss {row['train_loss']:.3f} ({row['train_acc']:.1%}), test loss "
        f"{row['test_loss']:.3f} ({row['test_acc']:.1%}), gap {row['gap']:.3f}, epoch {row['best_epoch']}"
    )


def project_of_workers(settings: Settings, sweep_dir: SweepDir) -> Path:
    """The folder whose packages workers of the sweep import: this process's own, or a snapshot of it as it is now."""
    return make_snapshot(PROJECT, sweep_dir.snapshots) if settings.snapshot else PROJECT


def launch(
    plan: Plan,
    settings: Settings,
    launcher: PlanLauncher,
    sweep_dir: SweepDir,
    project: Path,
    listener: Listener | None = None,
) -> Tally:
    """Does what `plan` has left to do; for `project` and `listener` see `PlanLauncher.launch_tasks`."""
    results_dir = Path(settings.results_dir)
    check_claims(ResultsDir(results_dir))
    for source in {planned.source for planned in plan.wanted(settings.rerun) if not decodes_batches(planned.run)}:
        data.prepare(source, ResultsDir(results_dir).cache)
    attempts = History(results_dir).attempts
    tasks = make_tasks(plan.to_do(settings.rerun), attempts)
    elsewhere = make_tasks([planned for planned in plan.wanted(settings.rerun) if planned.elsewhere], attempts)
    return launcher.launch_tasks(tasks, settings, sweep_dir, project, listener, elsewhere)


@contextmanager
def stopped_and_compacted(results_dir: Path) -> Iterator[None]:
    """Merges the shards when the work ends; exits after a Ctrl-C."""
    try:
        yield
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        compact_all(results_dir)


def exit_on_errors(errors: Mapping[str, str], store: Store) -> None:
    """Exits with 1 where there are `errors`, by task id, and prints each once; `store` has their rows."""
    if errors:
        print(f"{len(errors)} runs failed; their traces are in the column `error` of {store.path}:")
        for error in sorted(set(errors.values())):
            print(f"  {sum(e == error for e in errors.values())} x {error}")
        print("The same command tries them again.")
        sys.exit(1)
