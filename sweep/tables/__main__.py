"""`python -m sweep.tables table=1 results_dir=results format=terminal dataset=cifar10 ...`: QGen's tables from rows.

Table 1: generalization gaps; 2: norms; 3: sharpness-based measures; 4 to 6: gaps on corrupted images; qreg1: QReg's
Table 1. `study=NAME`: a study's table, see conf/study/.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from sweep.commands.arguments import Arguments, Command, Key, Section, run_command, text
from sweep.commands.keys import DISTORTIONS, MEASUREMENTS, RESULTS_DIR, SELECTION, selection_of
from sweep.config.checks import ConfigError
from sweep.config.studies import study_table_of
from sweep.results.select import narrow_measures, stored_distortions, stored_measures, with_measures
from sweep.tables import display, distortion_display, studies_display
from sweep.tables.distortions import distortion_table, error_improvement_table
from sweep.tables.flatness import METRICS, flatness_table
from sweep.tables.flatness_display import flatness_formats
from sweep.tables.formats import STYLES, write_parquet
from sweep.tables.generalization import generalization_table
from sweep.tables.published import (
    add_published,
    add_published_distortion,
    add_published_flatness,
    add_published_improvement,
)
from sweep.tables.sources import runs_of_tables
from sweep.tables.studies import study_table

TABLE = Key("table", "a table of QGen, or QReg's Table 1", text, "1", choices=("1", *METRICS, "4", "5", "6", "qreg1"))
STUDY = Key("study", "a study whose table it is, in place of `table`", text)
FORMAT = Key("format", "of the table", text, "terminal", choices=(*STYLES, "csv", "parquet"))
OUTPUT = Key("output", "a file to write; left out: the terminal", text)
OPTIONS = Section("Options", (TABLE, STUDY, RESULTS_DIR, FORMAT, OUTPUT))
COMMAND = Command("sweep.tables", __doc__, (OPTIONS, SELECTION, MEASUREMENTS, DISTORTIONS))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    style, output = arguments[FORMAT], arguments[OUTPUT]
    if style == "parquet" and not output:
        raise ConfigError("format=parquet needs output=FILE")
    table, text_formats = _table(arguments)
    if style == "parquet":
        write_parquet(table, Path(output))
    elif output:
        Path(output).write_text(text_formats[style](table) + "\n")
    else:
        print(text_formats[style](table))


Table = tuple[pd.DataFrame, Mapping[str, Callable[[pd.DataFrame], str]]]


def _table(arguments: Arguments) -> Table:
    """The table and how it is written as text."""
    results_dir, number, study = arguments[RESULTS_DIR], arguments[TABLE], arguments[STUDY]
    spec = study_table_of(study) if study else None
    selection = selection_of(arguments)
    runs = selection.among(runs_of_tables(results_dir, selection.sweep, study))
    if spec and not spec.number:
        runs = with_measures(runs, results_dir, [metric.column for metric in spec.metrics])
        return study_table(runs, spec), studies_display.study_formats(spec)
    number = spec.number if spec else number
    if number == "1":
        return add_published(generalization_table(runs)), display.TEXT_FORMATS
    return _flatness(runs, arguments, number) if number in METRICS else _distortions(runs, arguments, number)


def _flatness(runs: pd.DataFrame, arguments: Arguments, number: str) -> Table:
    measures = narrow_measures(stored_measures(arguments[RESULTS_DIR]), runs, arguments.of(MEASUREMENTS))
    table = flatness_table(runs, measures, METRICS[number])
    return add_published_flatness(table, int(number), METRICS[number]), flatness_formats(METRICS[number])


def _distortions(runs: pd.DataFrame, arguments: Arguments, number: str) -> Table:
    distortions = stored_distortions(arguments[RESULTS_DIR], runs, arguments.of(DISTORTIONS))
    if number == "qreg1":
        table = add_published_improvement(error_improvement_table(runs, distortions))
        return table, distortion_display.IMPROVEMENTS
    table = distortion_table(runs, distortions, over_severities=number == "5")
    return add_published_distortion(table, int(number)), distortion_display.GAPS


if __name__ == "__main__":
    run_command(main)
