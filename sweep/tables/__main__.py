"""`python -m sweep.tables table=1 results_dir=results format=terminal dataset=cifar10 ...`: tables from rows.

`table` is one of those in `sweep/tables/parts`, or a module of another package; `study=NAME` is a study's table, see
conf/study/.
"""

import sys
from pathlib import Path

from sweep.commands.arguments import Command, Key, Section, text
from sweep.commands.keys import NARROWING, RESULTS_DIR, SELECTION, narrowing, selection_of
from sweep.config.checks import ConfigError, allowed
from sweep.config.parts import part_of, parts_of
from sweep.config.studies import study_table_of
from sweep.tables.display import FORMATS, text_of, write
from sweep.tables.made_of_rows import listed
from sweep.tables.sources import runs_of_tables
from sweep.tables.studies import study_table
from sweep.tables.table import Table


def known_table(name: str, value: str) -> Table:
    return part_of(Table, value)


TABLE = Key("table", f"which: {allowed(parts_of(Table))}, or a module that declares one", known_table, "1")
STUDY = Key("study", "a study whose table it is, in place of `table`", text)
FORMAT = Key("format", "of the table", text, "terminal", choices=FORMATS)
OUTPUT = Key("output", "a file to write; left out: the terminal", text)
OPTIONS = Section("Options", (TABLE, STUDY, RESULTS_DIR, FORMAT, OUTPUT))
SUMMARY = f"{__doc__}\nTables:\n{listed(parts_of(Table).values())}"
COMMAND = Command("sweep.tables", SUMMARY, (OPTIONS, SELECTION, *NARROWING.values()))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    style, output = arguments[FORMAT], arguments[OUTPUT]
    if style == "parquet" and not output:
        raise ConfigError("format=parquet needs output=FILE")
    study, results_dir, selection = arguments[STUDY], arguments[RESULTS_DIR], selection_of(arguments)
    table = table_of_study(study) if study else arguments[TABLE]
    runs = selection.among(runs_of_tables(results_dir, selection.sweep, study))
    lines = table.lines(runs, table.found(results_dir, runs, narrowing(arguments, table.kind)))
    if output:
        write(table, lines, style, Path(output))
    else:
        print(text_of(table, lines, style))


def table_of_study(study: str) -> Table:
    """One of the known tables where the study is of it, else one of its own; raises `ConfigError`."""
    spec = study_table_of(study)
    return part_of(Table, spec.number) if spec.number else study_table(study, spec)


if __name__ == "__main__":
    main()
