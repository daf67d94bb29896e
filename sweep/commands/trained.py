"""Trained runs that other work is done with: which ones, where their images are, and the weights they kept."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from launchers.plan_launcher import PlanLauncher
from sweep.commands.execute import Point, describe_all, resolved
from sweep.commands.sweeper import Values, swept_values
from sweep.config.checks import ConfigError
from sweep.config.chosen import unknown_parts
from sweep.config.facts import DataFacts
from sweep.config.outside import VARIABLE
from sweep.config.run import RUN_FIELDS, DataSource, RunConfig
from sweep.config.settings import Settings, make_settings
from sweep.config.work import Kind
from sweep.plan.cost import processor_of
from sweep.plan.plan import Plan
from sweep.results.paths import ResultsDir
from sweep.results.rows import run_of_row, stored
from sweep.results.select import Selection, make_selection, selected_runs

SHOWN = 5  # run ids in a message


@dataclass(frozen=True)
class Trained:
    """Finished runs that were selected, their images, and how work on them is done."""

    points: list[Point]
    facts: dict[str, DataFacts]  # by name of the data set
    settings: Settings

    @property
    def results_dir(self) -> Path:
        return Path(self.settings.results_dir)

    @property
    def processor(self) -> str:
        return processor_of(self.settings.device, self.settings.engine)


def select_trained(
    values: Values,
    study: str,
    launcher: PlanLauncher,
    suitable: Callable[[Sequence[RunConfig]], list[RunConfig]] = list,
) -> Trained:
    """The finished runs that `values` select, less those that are not `suitable`; raises `ConfigError`."""
    asked = dataclasses.asdict(Settings(engine="plain")) | dict(values)
    settings = resolved(make_settings(asked, study=study), launcher)
    runs = suitable(finished_runs(Path(settings.results_dir), make_selection(values["select"])))
    sources = {name: _source(name, values) for name in {run.dataset for run in runs}}
    facts = describe_all(sources.values())
    for run in runs:
        _check_images(run, facts[run.dataset])
    return Trained([(run, sources[run.dataset]) for run in runs], facts, settings)


def option_axes(overrides: Sequence[Override], is_axis: Callable[[str], bool], which: str) -> dict[str, list[Any]]:
    """The values of every option that the command line gives several for; raises `ConfigError`."""
    swept = [override for override in overrides if override.is_sweep_override()]
    for override in swept:
        if not is_axis(override.get_key_element()):
            raise ConfigError(f"{override.input_line}: one value is needed; only {which} can be axes")
    return {override.get_key_element(): list(swept_values(override)) for override in swept}


def finished_runs(results_dir: Path, selection: Selection) -> list[RunConfig]:
    """The finished runs of a selection; says which others are in it. Raises `ConfigError` where there is none."""
    runs = selected_runs(results_dir, selection)
    for status, name in ((None, "not trained yet"), ("failed", "failed"), ("diverged", "diverged")):
        others = runs[runs["status"].isna() if status is None else runs["status"] == status]
        if len(others):
            print(f"left out: {shown_ids(others['run_id'].tolist())} {name}")
    wanted = set(runs.loc[runs["status"] == "finished", "run_id"])
    if not wanted:
        raise ConfigError(f"none of the {len(runs)} selected runs has finished: there is nothing to work on")
    rows = stored(results_dir, ("run_id", *RUN_FIELDS))
    return of_known_parts([row for row in rows if row["run_id"] in wanted])


def of_known_parts(rows: Sequence[Mapping[str, Any]]) -> list[RunConfig]:
    """The runs of `rows`; names those of parts that are not known here. Raises `ConfigError` where all are of such."""
    unknown = [name for row in rows for name in unknown_parts(row)]
    why = f"{', '.join(dict.fromkeys(unknown))}: not known here; install its package, or name it in {VARIABLE}"
    known = [row for row in rows if not unknown_parts(row)]
    leave_out([row["run_id"] for row in rows if unknown_parts(row)], len(known), why)
    return [run_of_row(row) for row in known]


def those(runs: Sequence[RunConfig], fit: Callable[[RunConfig], bool], why: str) -> list[RunConfig]:
    """The runs that `fit`; names the others, and `why`. Raises `ConfigError` where all are others."""
    kept = [run for run in runs if fit(run)]
    leave_out([run.run_id for run in runs if run not in kept], len(kept), why)
    return kept


def leave_out(run_ids: Sequence[str], kept: int, why: str) -> None:
    """Names runs that are left out, and `why`; raises `ConfigError` where none is `kept`."""
    if run_ids and not kept:
        raise ConfigError(f"{shown_ids(run_ids)}: {why}")
    if run_ids:
        print(f"left out: {shown_ids(run_ids)}: {why}")


def shown_ids(run_ids: Sequence[str]) -> str:
    shown = ", ".join(run_id[:12] for run_id in run_ids[:SHOWN])
    more = f" and {len(run_ids) - SHOWN} more" if len(run_ids) > SHOWN else ""
    return f"{len(run_ids)} {'run' if len(run_ids) == 1 else 'runs'} ({shown}{more})"


def _source(dataset: str, values: Values) -> DataSource:
    loader, directory = values["data_source"] or dataset, str(values["data_dir"])
    return DataSource(loader, dataset, directory, values["label_column"], values["image_size"])


def _check_images(run: RunConfig, facts: DataFacts) -> None:
    if run.data_sha256 != facts.sha256:
        raise ConfigError(
            f"run {run.run_id[:12]} was trained on other images than those found for dataset={run.dataset}: sha256 "
            f"{run.data_sha256[:12]}, not {facts.sha256[:12]}. Give data_source, data_dir, label_column and "
            f"image_size as in training"
        )


def stored_of_runs(results_dir: Path, columns: Iterable[str], kind: Kind) -> list[tuple[RunConfig, dict[str, Any]]]:
    """Returns the rows that such work left, with their runs; those of parts not known here are left out."""
    rows = stored(results_dir, ("run_id", *RUN_FIELDS))
    runs = {row["run_id"]: run_of_row(row) for row in rows if not unknown_parts(row)}
    return [(runs[row["run_id"]], row) for row in stored(results_dir, columns, kind) if row["run_id"] in runs]


def with_kept_weights(plan: Plan, settings: Settings) -> Plan:
    """Returns `plan` without the runs that kept no weights, which are named; raises `ConfigError` if all."""
    results = ResultsDir(Path(settings.results_dir))
    to_do = {planned.run_id for planned in plan.wanted(settings.rerun)}
    missing = [run_id for run_id in sorted(to_do) if not results.weights(run_id).exists()]
    if not missing:
        return plan
    why = (
        f"{shown_ids(missing)} kept no weights in {results.weights_folder}: train with keep_weights=true, into another "
        f"results_dir where the runs have their rows already"
    )
    left = tuple(planned for planned in plan.runs if planned.run_id not in missing)
    if not left:
        raise ConfigError(why)
    print(f"left out: {why}")
    return dataclasses.replace(plan, runs=left)
