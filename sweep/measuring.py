"""Measuring the flatness of trained runs, from the selection to the rows."""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd
from hydra.core.override_parser.types import Override

from launchers.base import PlanLauncher
from launchers.paths import weights_path
from sweep.architectures import ARCHITECTURES
from sweep.checks import ConfigError, allowed
from sweep.config import FULL_PRECISION, RUN_FIELDS, STEP_SIZES, DataSource, RunConfig, decodes_batches
from sweep.cost import DataFacts, worker_kind
from sweep.execute import carry_out, describe_all, resolved
from sweep.measures.config import MEASURE_FIELDS, MeasureConfig, make_measure_config
from sweep.measures.plan import Measured, make_measure_plan
from sweep.plan import Plan
from sweep.provenance import code_fingerprint
from sweep.rows import measure_config_of, run_of_row, stored
from sweep.settings import Settings, make_settings
from sweep.sweeper import PlanSweeper, Values, errors_for_hydra, swept_values
from sweep.tables.select import narrow, planned_and_stored

SELECTORS = ("run_id", "sweep", *RUN_FIELDS)
TRAINING_KEYS = (
    "engine", "array_size", "gpu_memory_gb", "processes_per_run", "decode_workers", "checkpoint_seconds",
    "keep_weights", "initial_weights_file", "teacher_file",
)  # fmt: skip
PREFIX = "measure."
SHOWN = 5  # run ids in a message
_MEASURED = (
    "task_id", "run_id", "status", "code", "seconds", "device", *(f"measure_{name}" for name in MEASURE_FIELDS)
)  # fmt: skip


class MeasureSweeper(PlanSweeper):
    """Selects runs, expands the measure settings, and hands both to the launcher as one plan."""

    @errors_for_hydra()
    def sweep(self, arguments: list[str]) -> None:
        overrides, _, values = self._parse(arguments)
        measure(values, list(_configs(overrides, values["measure"])), self._launcher)


def _configs(overrides: Sequence[Override], measure: Values) -> Iterator[MeasureConfig]:
    """The settings at every point of the axes that the command line makes of them."""
    swept = [override for override in overrides if override.is_sweep_override()]
    for override in swept:
        if not override.get_key_element().startswith(PREFIX):
            raise ConfigError(f"{override.input_line}: one value is needed; only measure.* settings can be axes")
    names = [override.get_key_element().removeprefix(PREFIX) for override in swept]
    for point in itertools.product(*(swept_values(override) for override in swept)):
        yield make_measure_config({**measure, **dict(zip(names, point, strict=True))})


def measure(values: Values, configs: Sequence[MeasureConfig], launcher: PlanLauncher) -> None:
    """Plans, shows the plan, measures what is missing. Raises `ConfigError`; exits with 1 where something failed."""
    given = dataclasses.asdict(Settings(engine="plain")) | dict(values)
    settings = resolved(make_settings(given, study="measure"), launcher)
    if settings.device == "cpu" and any(config.precision == "tf32" for config in configs):
        raise ConfigError("measure.precision=tf32: a CPU has no such arithmetic; take fp32, or a GPU")
    results_dir = Path(settings.results_dir)
    runs = finished_runs(results_dir, values["select"])
    if any(config.centre == "latent" for config in configs):
        check_latent(runs)
    sources = {name: _source(name, values) for name in {run.dataset for run in runs}}
    facts = describe_all(sources.values())
    for run in runs:
        _check_images(run, facts[run.dataset])
    points = [(run, sources[run.dataset]) for run in runs]
    kind = worker_kind(settings.device, settings.engine)
    plan = make_measure_plan(points, configs, facts, _measured(results_dir), code_fingerprint("measure"), kind)
    carry_out(with_kept_weights(plan, settings), settings, launcher)
    if not settings.dry_run:
        print(f"tables: python -m sweep.tables table=3 results_dir={results_dir}")
        print(f"figures: python -m sweep.figures results_dir={results_dir}")


def finished_runs(results_dir: Path, select: Mapping[str, str]) -> list[RunConfig]:
    """The finished runs of a selection; says which others are in it. Raises `ConfigError` where there is none."""
    filters = {name: str(value) for name, value in select.items()}
    runs = planned_and_stored(results_dir, filters.pop("sweep", ""))
    if "run_id" in filters:
        runs = _with_ids(runs, filters.pop("run_id"))
    runs = narrow(runs, filters)
    for status, name in ((None, "not trained yet"), ("failed", "failed"), ("diverged", "diverged")):
        others = runs[runs["status"].isna() if status is None else runs["status"] == status]
        if len(others):
            print(f"left out: {_named(others['run_id'].tolist())} {name}")
    wanted = set(runs.loc[runs["status"] == "finished", "run_id"])
    if not wanted:
        raise ConfigError(f"none of the {len(runs)} selected runs has finished: there is nothing to measure")
    rows = stored(results_dir, ("run_id", *RUN_FIELDS))
    return _measurable([run_of_row(row) for row in rows if row["run_id"] in wanted])


def _measurable(runs: Sequence[RunConfig]) -> list[RunConfig]:
    """Those that the measures are defined for; names the others. Raises `ConfigError` where all are others."""
    kept = [run for run in runs if ARCHITECTURES[run.model].quantizes_activations and not decodes_batches(run)]
    others = [run.run_id for run in runs if run not in kept]
    why = f"{_named(others)}: measured are networks without fused attention, on images in memory (no file_crop_flip)"
    if not kept:
        raise ConfigError(why)
    if others:
        print(f"left out: {why}")
    return kept


def check_latent(runs: Sequence[RunConfig]) -> None:
    """Raises `ConfigError` where latent weights of `runs` cannot be quantized anew."""
    others = [run.run_id for run in runs if run.bits != FULL_PRECISION and run.quantizer not in STEP_SIZES]
    if others:
        raise ConfigError(
            f"measure.centre=latent with {_named(others)}: only weights with step sizes can be quantized anew; take "
            f"measure.centre=quantized, or runs with quantizer={allowed(STEP_SIZES)}"
        )


def _with_ids(runs: pd.DataFrame, given: str) -> pd.DataFrame:
    """The runs with these comma-separated ids, which may be shortened; raises `ConfigError`."""
    found = []
    for prefix in given.split(","):
        matching = runs[runs["run_id"].str.startswith(prefix)]
        if not prefix or len(matching) != 1:
            raise ConfigError(
                f"run_id={prefix}: {len(matching) or 'no'} runs have it; give the column run_id of the rows, or "
                f"enough of its first characters"
            )
        found.append(matching)
    return pd.concat(found).drop_duplicates("run_id")


def _named(run_ids: Sequence[str]) -> str:
    shown = ", ".join(run_id[:12] for run_id in run_ids[:SHOWN])
    more = f" and {len(run_ids) - SHOWN} more" if len(run_ids) > SHOWN else ""
    return f"{len(run_ids)} {'run' if len(run_ids) == 1 else 'runs'} ({shown}{more})"


def _source(dataset: str, values: Values) -> DataSource:
    return DataSource(values["data_source"] or dataset, dataset, str(values["data_dir"]), values["label_column"])


def _check_images(run: RunConfig, facts: DataFacts) -> None:
    if run.data_sha256 != facts.sha256:
        raise ConfigError(
            f"run {run.run_id[:12]} was trained on other images than those found for dataset={run.dataset}: sha256 "
            f"{run.data_sha256[:12]}, not {facts.sha256[:12]}. Give data_source, data_dir and label_column as in "
            f"training"
        )


def _measured(results_dir: Path) -> list[Measured]:
    """What was measured before, with the runs that it was measured of."""
    runs = {row["run_id"]: run_of_row(row) for row in stored(results_dir, ("run_id", *RUN_FIELDS))}
    rows = [row for row in stored(results_dir, _MEASURED, "measure") if row["run_id"] in runs]
    return [Measured(runs[row["run_id"]], measure_config_of(row), row) for row in rows]


def with_kept_weights(plan: Plan, settings: Settings) -> Plan:
    """`plan` without the runs that have no weights to measure, which are named; raises `ConfigError` if all."""
    results_dir = Path(settings.results_dir)
    to_do = {planned.run_id for planned in plan.to_do(settings.rerun)}
    missing = [run_id for run_id in sorted(to_do) if not weights_path(results_dir, run_id).exists()]
    if not missing:
        return plan
    why = (
        f"{_named(missing)} kept no weights in {results_dir / 'weights'}: train with keep_weights=true, into another "
        f"results_dir where the runs have their rows already"
    )
    left = tuple(planned for planned in plan.runs if planned.run_id not in missing)
    if not left:
        raise ConfigError(why)
    print(f"left out: {why}")
    return dataclasses.replace(plan, runs=left)
