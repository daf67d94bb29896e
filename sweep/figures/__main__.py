"""`python -m sweep.figures results_dir=results figure=2 optimizer=sgd ...`: figures of stored rows.

`figure` is one of those in `sweep/figures/parts`, a module of another package, or all.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from sweep.commands.arguments import Command, Key, Section, text
from sweep.commands.keys import NARROWING, RESULTS_DIR, SELECTION, narrowing, selection_of
from sweep.config.checks import ConfigError, allowed
from sweep.config.parts import part_of, parts_of
from sweep.figures.figure import Figure
from sweep.results.rows import STORES
from sweep.tables.made_of_rows import listed
from sweep.tables.sources import runs_of_tables

ALL = "all"


def known_figure(name: str, value: str) -> Figure | None:
    """None stands for all."""
    return None if value == ALL else part_of(Figure, value, besides=(ALL,))


FIGURE = Key("figure", f"which: {allowed((ALL, *parts_of(Figure)))}, or a module that declares one", known_figure, ALL)
OUTPUT = Key("output", "a folder to write to; left out: figures in the results directory", text)
SUMMARY = f"{__doc__}\nFigures:\n{listed(parts_of(Figure).values())}"
COMMAND = Command(
    "sweep.figures", SUMMARY, (Section("Options", (FIGURE, RESULTS_DIR, OUTPUT)), SELECTION, *NARROWING.values())
)


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    figure, results_dir, selection = arguments[FIGURE], arguments[RESULTS_DIR], selection_of(arguments)
    folder = Path(arguments[OUTPUT] or results_dir / "figures")
    runs = selection.among(runs_of_tables(results_dir, selection.sweep))
    for each in [figure] if figure else drawable(results_dir):
        found = each.found(results_dir, runs, narrowing(arguments, each.kind))
        for path in _drawn(each, runs, found, folder, is_optional=figure is None):
            print(path)


def drawable(results_dir: Path) -> Sequence[Figure]:
    """The figures that there are rows for; if there are none for any, the first, to say so."""
    figures = list(parts_of(Figure).values())
    return [figure for figure in figures if STORES[figure.kind](results_dir).path.exists()] or figures[:1]


def _drawn(figure: Figure, runs: pd.DataFrame, found: pd.DataFrame, folder: Path, is_optional: bool) -> list[Path]:
    """The files; none of an optional figure where the rows do not have what it needs, which is said."""
    try:
        return figure.draw(runs, found, folder)
    except ConfigError as error:
        if not is_optional:
            raise
        print(f"left out: {error}")
        return []


if __name__ == "__main__":
    main()
