"""`python -m sweep.figures results_dir=results figure=2 optimizer=sgd ...`: QGen's and QReg's figures, rankings."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from sweep.commands.arguments import Arguments, Command, Key, Section, run_command, text
from sweep.commands.keys import DISTORTIONS, MEASUREMENTS, RESULTS_DIR, SELECTION, selection_of
from sweep.config.checks import ConfigError, allowed
from sweep.config.measuring import FORMS
from sweep.figures.corruptions import draw_corruptions
from sweep.figures.drawing import save
from sweep.figures.landscapes import draw_landscapes
from sweep.figures.ranking import MEASURES, rank
from sweep.figures.scatter import draw_ranking, draw_scatter
from sweep.figures.step_sizes import draw_step_sizes
from sweep.results.rows import Store, distortions_store, measures_store
from sweep.results.select import narrow_measures, stored_distortions, stored_measures
from sweep.tables.flatness import MEASURE_SETTING
from sweep.tables.generalization import SETTING
from sweep.tables.sources import runs_of_tables

OUTPUT = Key("output", "a folder to write to; left out: figures in the results directory", text)


def _wanted(figure: str, results_dir: Path) -> Sequence["Group"]:
    """Of all figures, those that there are rows for; if there are none for any, the first, to say so."""
    if figure != "all":
        return [group for group in GROUPS if figure in group.figures]
    return [group for group in GROUPS if group.store(results_dir).path.exists()] or GROUPS[:1]


def described_runs(arguments: Arguments) -> pd.DataFrame:
    """The selected runs, with what they start and learn from described."""
    selection = selection_of(arguments)
    return selection.among(runs_of_tables(arguments[RESULTS_DIR], selection.sweep))


def distorted_runs(arguments: Arguments) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The runs, and what they gave on corrupted images."""
    runs = described_runs(arguments)
    return runs, stored_distortions(arguments[RESULTS_DIR], runs, arguments.of(DISTORTIONS))


def measured_runs(arguments: Arguments) -> pd.DataFrame:
    """One line per measured run, with its row and its measurement; raises `ConfigError` where settings are mixed."""
    runs = described_runs(arguments)
    measures = narrow_measures(stored_measures(arguments[RESULTS_DIR]), runs, arguments.of(MEASUREMENTS))
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
    load: Callable[[Arguments], Any]
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
FIGURE = Key("figure", "which", text, "all", choices=("all", *(name for group in GROUPS for name in group.figures)))
OPTIONS = Section("Options", (FIGURE, RESULTS_DIR, OUTPUT))
COMMAND = Command("sweep.figures", __doc__, (OPTIONS, SELECTION, MEASUREMENTS, DISTORTIONS))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    figure, results_dir = arguments[FIGURE], arguments[RESULTS_DIR]
    folder = Path(arguments[OUTPUT] or results_dir / "figures")
    for group in _wanted(figure, results_dir):
        data = group.load(arguments)
        for name, draw in group.figures.items():
            if figure in ("all", name):
                for path in _drawn(draw, data, folder, optional=figure == "all"):
                    print(path)


if __name__ == "__main__":
    run_command(main)
