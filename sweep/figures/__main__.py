"""`python -m sweep.figures results_dir=results figure=2 optimizer=sgd ...`: QGen's and QReg's figures, rankings."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.commands.cli import parse_arguments, run_command
from sweep.config.checks import ConfigError, allowed
from sweep.config.measuring import FORMS
from sweep.config.run import RUN_FIELDS
from sweep.figures.corruptions import draw_corruptions
from sweep.figures.drawing import save
from sweep.figures.landscapes import draw_landscapes
from sweep.figures.ranking import MEASURES, rank
from sweep.figures.scatter import draw_ranking, draw_scatter
from sweep.figures.step_sizes import draw_step_sizes
from sweep.results.rows import Store, distortions_store, measures_store
from sweep.results.select import (
    DISTORTION_KEYS,
    MEASURE_KEYS,
    narrow,
    narrow_measures,
    stored_distortions,
    stored_measures,
)
from sweep.tables.flatness import MEASURE_SETTING
from sweep.tables.generalization import SETTING
from sweep.tables.sources import runs_of_tables

ARGUMENTS = {"figure": "all", "results_dir": "results", "sweep": "", "output": ""}


def main() -> None:
    given = parse_arguments(sys.argv[1:], ARGUMENTS | dict.fromkeys((*RUN_FIELDS, *MEASURE_KEYS, *DISTORTION_KEYS), ""))
    names = [name for group in GROUPS for name in group.figures]
    if given["figure"] not in ("all", *names):
        raise ConfigError(f"figure={given['figure']}: allowed are {allowed(('all', *names))}")
    folder = Path(given["output"] or Path(given["results_dir"]) / "figures")
    for group in _wanted(given):
        data = group.load(given)
        for name, draw in group.figures.items():
            if given["figure"] in ("all", name):
                for path in _drawn(draw, data, folder, optional=given["figure"] == "all"):
                    print(path)


def _wanted(given: dict[str, str]) -> Sequence["Group"]:
    """Of all figures, those that there are rows for; if there are none for any, the first, to say so."""
    if given["figure"] != "all":
        return [group for group in GROUPS if given["figure"] in group.figures]
    return [group for group in GROUPS if group.store(Path(given["results_dir"])).path.exists()] or GROUPS[:1]


def selected_runs(given: dict[str, str]) -> pd.DataFrame:
    runs = runs_of_tables(Path(given["results_dir"]), given["sweep"])
    return narrow(runs, {name: given[name] for name in RUN_FIELDS if given[name]})


def distorted_runs(given: dict[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs, and what they gave on corrupted images."""
    runs = selected_runs(given)
    filters = {key: given[key] for key in DISTORTION_KEYS if given[key]}
    return runs, stored_distortions(Path(given["results_dir"]), runs, filters)


def measured_runs(given: dict[str, str]) -> pd.DataFrame:
    """One line per measured run, with its row and its measurement; raises `ConfigError` where settings are mixed."""
    runs = selected_runs(given)
    measures = narrow_measures(
        stored_measures(Path(given["results_dir"])), runs, {k: given[k] for k in MEASURE_KEYS if given[k]}
    )
    both = runs.merge(measures, on="run_id", suffixes=("", "_of_measure"))
    for name in (*SETTING, *MEASURE_SETTING, "measure_seed"):
        if both[name].nunique() > 1:
            key = name.replace("measure_", "measure.", 1)
            raise ConfigError(f"the measured runs differ in {key}, give one: {allowed(sorted(both[name].unique()))}")
    return both


Draw = Callable[[Any, Path], list[Path]]


@dataclass(frozen=True)
class Group:
    """Figures of the rows in one store."""

    store: Callable[[Path], Store]
    load: Callable[[dict[str, str]], Any]
    figures: Mapping[str, Draw]


def _drawn(draw: Draw, data: Any, folder: Path, optional: bool) -> list[Path]:
    """The files; with `optional` none where the measurements do not have what the figure needs, which is said."""
    try:
        return draw(data, folder)
    except ConfigError as error:
        if not optional:
            raise
        print(f"left out: {error}")
        return []


def _figure_1(runs: pd.DataFrame, folder: Path) -> list[Path]:
    return save(draw_step_sizes(runs), folder, "figure1-step-sizes")


def _figure_2(runs: pd.DataFrame, folder: Path) -> list[Path]:
    return [path for form in FORMS for path in save(draw_landscapes(runs, form), folder, f"figure2-landscape-{form}")]


def _ranking(runs: pd.DataFrame, folder: Path) -> list[Path]:
    ranking = rank(runs)
    paths = save(draw_ranking(ranking), folder, "ranking")
    ranking.to_csv(folder / "ranking.csv", index=False)
    for measure in MEASURES:
        paths += save(draw_scatter(runs, ranking, measure), folder, f"scatter-{measure.replace('_', '-')}")
    return [folder / "ranking.csv", *paths]


def _corruptions(data: tuple[pd.DataFrame, pd.DataFrame], folder: Path) -> list[Path]:
    return save(draw_corruptions(*data), folder, "corruptions")


GROUPS = (
    Group(measures_store, measured_runs, {"1": _figure_1, "2": _figure_2, "ranking": _ranking}),
    Group(distortions_store, distorted_runs, {"corruptions": _corruptions}),
)

if __name__ == "__main__":
    run_command(main)
