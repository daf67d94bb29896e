"""`python -m sweep.figures results_dir=results figure=2 optimizer=sgd ...`: QGen Figures 1 and 2, and rankings."""

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from sweep.checks import ConfigError, allowed
from sweep.cli import parse_arguments, run_command
from sweep.config import RUN_FIELDS
from sweep.figures.drawing import save
from sweep.figures.landscapes import draw_landscapes
from sweep.figures.ranking import MEASURES, rank
from sweep.figures.scatter import draw_ranking, draw_scatter
from sweep.figures.step_sizes import draw_step_sizes
from sweep.measures.config import FORMS
from sweep.tables.flatness import MEASURE_SETTING
from sweep.tables.generalization import SETTING
from sweep.tables.select import MEASURE_KEYS, narrow, narrow_measures, stored_measures
from sweep.tables.sources import runs_of_tables

ARGUMENTS = {"figure": "all", "results_dir": "results", "sweep": "", "output": ""}


def main() -> None:
    given = parse_arguments(sys.argv[1:], ARGUMENTS | dict.fromkeys((*RUN_FIELDS, *MEASURE_KEYS), ""))
    if given["figure"] not in ("all", *FIGURES):
        raise ConfigError(f"figure={given['figure']}: allowed are {allowed(('all', *FIGURES))}")
    runs = measured_runs(given)
    folder = Path(given["output"] or Path(given["results_dir"]) / "figures")
    for name, draw in FIGURES.items():
        if given["figure"] in ("all", name):
            for path in _drawn(draw, runs, folder, optional=given["figure"] == "all"):
                print(path)


def measured_runs(given: dict[str, str]) -> pd.DataFrame:
    """One line per measured run, with its row and its measurement; raises `ConfigError` where settings are mixed."""
    results_dir = Path(given["results_dir"])
    runs = runs_of_tables(results_dir, given["sweep"])
    runs = narrow(runs, {name: given[name] for name in RUN_FIELDS if given[name]})
    measures = narrow_measures(stored_measures(results_dir), runs, {k: given[k] for k in MEASURE_KEYS if given[k]})
    both = runs.merge(measures, on="run_id", suffixes=("", "_of_measure"))
    for name in (*SETTING, *MEASURE_SETTING, "measure_seed"):
        if both[name].nunique() > 1:
            key = name.replace("measure_", "measure.", 1)
            raise ConfigError(f"the measured runs differ in {key}, give one: {allowed(sorted(both[name].unique()))}")
    return both


Draw = Callable[[pd.DataFrame, Path], list[Path]]


def _drawn(draw: Draw, runs: pd.DataFrame, folder: Path, optional: bool) -> list[Path]:
    """The files; with `optional` none where the measurements do not have what the figure needs, which is said."""
    try:
        return draw(runs, folder)
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


FIGURES: dict[str, Draw] = {"1": _figure_1, "2": _figure_2, "ranking": _ranking}

if __name__ == "__main__":
    run_command(main)
