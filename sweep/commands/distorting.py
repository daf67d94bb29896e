"""Evaluating trained runs on corrupted images, from the selection to the rows."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Override

from launchers.plan_launcher import PlanLauncher
from sweep.commands.execute import show_and_launch
from sweep.commands.sweeper import PlanSweeper, Values, errors_for_hydra
from sweep.commands.todays_code import code_of_work
from sweep.commands.trained import Trained, option_axes, select_trained, stored_of_runs, with_kept_weights
from sweep.config.distorting import GENERATED, Distortion, make_distortions
from sweep.config.facts import DataFacts
from sweep.config.settings import Settings
from sweep.distortions.images import CorruptedImages, images_for
from sweep.distortions.published import check_files, source_in
from sweep.plan.distortions import make_distort_plan
from sweep.plan.plan import PlannedRun
from sweep.results.paths import ResultsDir
from sweep.terminal import Bar, shell_command
from sweep.worker.hardware import cores

AXES = ("corruption", "severity", "corruption_seed")
_EVALUATED = ("task_id", "run_id", "status", "code", "seconds", "device")


class DistortSweeper(PlanSweeper):
    """Selects runs, expands the corruptions, and hands both to the launcher as one plan."""

    @errors_for_hydra()
    def sweep(self, arguments: list[str]) -> None:
        overrides, _, values = self._parse(arguments)
        distort(values, _distortions(overrides, values), self._launcher)


def _distortions(overrides: Sequence[Override], values: Values) -> list[Distortion]:
    swept = option_axes(overrides, lambda key: key in AXES, ", ".join(AXES))
    corruptions, severities, seeds = (swept.get(name) or _listed(values[name]) for name in AXES)
    directory = values["corruption_dir"]
    return make_distortions(corruptions, severities, seeds, source_in(directory), directory or "")


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def distort(values: Values, distortions: Sequence[Distortion], launcher: PlanLauncher) -> None:
    """Plans, shows the plan, makes the images, evaluates what is missing.

    Raises `ConfigError` before anything is evaluated; exits with 1 where something failed.
    """
    trained = select_trained(values, "distort", launcher)
    settings, results_dir = trained.settings, trained.results_dir
    _check_published(trained, distortions)
    evaluated = stored_of_runs(results_dir, _EVALUATED, "distort")
    code = code_of_work("distort", results_dir)
    plan = make_distort_plan(trained.points, distortions, trained.facts, evaluated, code, trained.processor)
    print(f"{len(trained.points)} runs on {len(distortions)} sets of corrupted images each; a run below is one on one")
    show_and_launch(with_kept_weights(plan, settings), settings, launcher, prepare=partial(_make_images, trained.facts))
    if not settings.dry_run:
        print("tables:", shell_command("sweep.tables", table=4, results_dir=results_dir), " (or 5, 6, qreg1)")
        print("figures:", shell_command("sweep.figures", figure="corruptions", results_dir=results_dir))


def _check_published(trained: Trained, distortions: Iterable[Distortion]) -> None:
    published = [distortion for distortion in distortions if distortion.source != GENERATED]
    for dataset, facts in trained.facts.items():
        check_files(published, facts, dataset)


def _make_images(facts: Mapping[str, DataFacts], to_do: Sequence[PlannedRun], settings: Settings) -> None:
    """Those that `to_do` needs and that are not there, on all cores; raises `ConfigError` on wrong published ones."""
    needed: dict[CorruptedImages, dict[Distortion, None]] = {}
    for planned in to_do:
        images = images_for(planned.source, planned.run)
        assert isinstance(planned.work.options, Distortion)
        needed.setdefault(images, {})[planned.work.options] = None
    workers, cache_dir = settings.workers or cores(), ResultsDir(Path(settings.results_dir)).cache
    for images, distortions in needed.items():
        name, wanted = images.source.name, list(distortions)
        size = images.subset or facts[name].test_size
        with Bar(f"corrupting images of {name}", size * len(images.missing(wanted, cache_dir))) as bar:
            images.prepare(wanted, cache_dir, workers, bar.advance)
