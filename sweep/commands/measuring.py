"""Measuring the flatness of trained runs, from the selection to the rows."""

import itertools
from collections.abc import Iterator, Sequence
from functools import partial

from hydra.core.override_parser.types import Override

from launchers.plan_launcher import PlanLauncher
from sweep.commands.execute import show_and_launch
from sweep.commands.sweeper import PlanSweeper, Values, errors_for_hydra
from sweep.commands.todays_code import code_of_work
from sweep.commands.trained import option_axes, select_trained, shown_ids, stored_of_runs, those, with_kept_weights
from sweep.config.bits import FULL_PRECISION
from sweep.config.checks import ConfigError, allowed
from sweep.config.measuring import MeasureConfig, make_measure_config
from sweep.config.networks import network_of
from sweep.config.part_classes import Quantizer
from sweep.config.parts import parts_of
from sweep.config.run import RunConfig, decodes_batches
from sweep.plan.measurements import Measured, make_measure_plan
from sweep.results.rows import OPTION_COLUMNS, measure_config_of
from sweep.terminal import shell_command

PREFIX = "measure."
_MEASURED = ("task_id", "run_id", "status", "code", "seconds", "device", *OPTION_COLUMNS["measure"])


class MeasureSweeper(PlanSweeper):
    """Selects runs, expands the measure settings, and hands both to the launcher as one plan."""

    @errors_for_hydra()
    def sweep(self, arguments: list[str]) -> None:
        overrides, _, values = self._parse(arguments)
        measure(values, list(_configs(overrides, values["measure"])), self._launcher)


def _configs(overrides: Sequence[Override], measure: Values) -> Iterator[MeasureConfig]:
    """The settings at every point of the axes that the command line makes of them."""
    axes = option_axes(overrides, lambda key: key.startswith(PREFIX), "measure.* settings")
    names = [key.removeprefix(PREFIX) for key in axes]
    for point in itertools.product(*axes.values()):
        yield make_measure_config({**measure, **dict(zip(names, point, strict=True))})


def measure(values: Values, configs: Sequence[MeasureConfig], launcher: PlanLauncher) -> None:
    """Plans, shows the plan, measures what is missing. Raises `ConfigError`; exits with 1 where something failed."""
    trained = select_trained(values, "measure", launcher, partial(measurable, configs=configs))
    settings, results_dir = trained.settings, trained.results_dir
    if settings.device == "cpu" and any(config.precision == "tf32" for config in configs):
        raise ConfigError("measure.precision=tf32: a CPU has no such arithmetic; take fp32, or a GPU")
    if any(config.centre == "latent" for config in configs):
        check_latent([run for run, _ in trained.points])
    rows = stored_of_runs(results_dir, _MEASURED, "measure")
    measured = [Measured(run, measure_config_of(row), row) for run, row in rows]
    code = code_of_work("measure", results_dir)
    plan = make_measure_plan(trained.points, configs, trained.facts, measured, code, trained.processor)
    show_and_launch(with_kept_weights(plan, settings), settings, launcher)
    if not settings.dry_run:
        print("tables:", shell_command("sweep.tables", table=3, results_dir=results_dir))
        print("figures:", shell_command("sweep.figures", results_dir=results_dir))


def measurable(runs: Sequence[RunConfig], configs: Sequence[MeasureConfig]) -> list[RunConfig]:
    """Returns those that the measures are defined for; names the others. Raises `ConfigError` where all are others."""
    why = "measured are networks without fused attention"
    known = those(runs, lambda run: network_of(run.model).quantizes_activations, why)
    in_memory = all(config.train_images for config in configs)
    why = "images that are decoded per batch (file_crop_flip) are measured in memory: give measure.train_images=100000"
    return those(known, lambda run: in_memory or not decodes_batches(run), why)


def check_latent(runs: Sequence[RunConfig]) -> None:
    """Raises `ConfigError` where latent weights of `runs` cannot be quantized anew."""
    known = [name for name, quantizer in parts_of(Quantizer).items() if quantizer.learns_step_sizes]
    others = [run.run_id for run in runs if run.bits != FULL_PRECISION and run.quantizer not in known]
    if others:
        raise ConfigError(
            f"measure.centre=latent with {shown_ids(others)}: only weights with step sizes can be quantized anew; take "
            f"measure.centre=quantized, or runs with quantizer={allowed(known)}"
        )
