"""`python -m sweep.tables table=1 results_dir=results format=terminal dataset=cifar10 ...`: QGen's tables from rows.

Table 1: generalization gaps; 2: norms; 3: sharpness-based measures; 4 to 6: gaps on corrupted images; qreg1: QReg's
Table 1. `study=NAME`: a study's table, see conf/study/.
"""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pandas as pd

from sweep.commands.cli import parse_arguments, run_command
from sweep.config.checks import ConfigError, allowed
from sweep.config.run import RUN_FIELDS
from sweep.config.studies import study_table_of
from sweep.results.select import (
    DISTORTION_KEYS,
    MEASURE_KEYS,
    narrow,
    narrow_measures,
    stored_distortions,
    stored_measures,
    with_measures,
)
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

FORMATS = (*STYLES, "csv", "parquet")
TABLES = ("1", *METRICS, "4", "5", "6", "qreg1")
ARGUMENTS = {"table": "1", "study": "", "results_dir": "results", "sweep": "", "format": "terminal", "output": ""}


def main() -> None:
    given = parse_arguments(sys.argv[1:], ARGUMENTS | dict.fromkeys((*RUN_FIELDS, *MEASURE_KEYS, *DISTORTION_KEYS), ""))
    style, output = given["format"], given["output"]
    for name, value, choices in (("format", style, FORMATS), ("table", given["table"], TABLES)):
        if value not in choices:
            raise ConfigError(f"{name}={value}: allowed are {allowed(choices)}")
    if style == "parquet" and not output:
        raise ConfigError("format=parquet needs output=FILE")
    table, text_formats = _table(given)
    if style == "parquet":
        write_parquet(table, Path(output))
    elif output:
        Path(output).write_text(text_formats[style](table) + "\n")
    else:
        print(text_formats[style](table))


Table = tuple[pd.DataFrame, Mapping[str, Callable[[pd.DataFrame], str]]]


def _table(given: dict[str, str]) -> Table:
    """The table and how it is written as text."""
    results_dir, number, study = Path(given["results_dir"]), given["table"], given["study"]
    spec = study_table_of(study) if study else None
    runs = runs_of_tables(results_dir, given["sweep"], study)
    runs = narrow(runs, {name: given[name] for name in RUN_FIELDS if given[name]})
    if spec and not spec.number:
        runs = with_measures(runs, results_dir, [metric.column for metric in spec.metrics])
        return study_table(runs, spec), studies_display.study_formats(spec)
    number = spec.number if spec else number
    if number == "1":
        return add_published(generalization_table(runs)), display.TEXT_FORMATS
    return _flatness(runs, given, number) if number in METRICS else _distortions(runs, given, number)


def _flatness(runs: pd.DataFrame, given: dict[str, str], number: str) -> Table:
    filters = {key: given[key] for key in MEASURE_KEYS if given[key]}
    measures = narrow_measures(stored_measures(Path(given["results_dir"])), runs, filters)
    table = flatness_table(runs, measures, METRICS[number])
    return add_published_flatness(table, int(number), METRICS[number]), flatness_formats(METRICS[number])


def _distortions(runs: pd.DataFrame, given: dict[str, str], number: str) -> Table:
    filters = {key: given[key] for key in DISTORTION_KEYS if given[key]}
    distortions = stored_distortions(Path(given["results_dir"]), runs, filters)
    if number == "qreg1":
        table = add_published_improvement(error_improvement_table(runs, distortions))
        return table, distortion_display.IMPROVEMENTS
    table = distortion_table(runs, distortions, over_severities=number == "5")
    return add_published_distortion(table, int(number)), distortion_display.GAPS


if __name__ == "__main__":
    run_command(main)
