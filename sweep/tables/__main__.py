"""`python -m sweep.tables results_dir=results format=terminal dataset=cifar10 ...`: QGen Table 1 from rows."""

import sys
from pathlib import Path

from sweep.cli import parse_arguments, run_command
from sweep.config import RUN_FIELDS, ConfigError, allowed
from sweep.tables.display import TEXT_FORMATS, write_parquet
from sweep.tables.generalization import generalization_table
from sweep.tables.published import add_published
from sweep.tables.select import narrow, planned_and_stored

FORMATS = (*TEXT_FORMATS, "parquet")
ARGUMENTS = {"results_dir": "results", "sweep": "", "format": "terminal", "output": ""}


def main() -> None:
    given = parse_arguments(sys.argv[1:], ARGUMENTS | dict.fromkeys(RUN_FIELDS, ""))
    style, output = given["format"], given["output"]
    if style not in FORMATS:
        raise ConfigError(f"format={style}: allowed are {allowed(FORMATS)}")
    if style == "parquet" and not output:
        raise ConfigError("format=parquet needs output=FILE")
    runs = planned_and_stored(Path(given["results_dir"]), given["sweep"])
    runs = narrow(runs, {name: given[name] for name in RUN_FIELDS if given[name]})
    table = add_published(generalization_table(runs))
    if style == "parquet":
        write_parquet(table, Path(output))
    elif output:
        Path(output).write_text(TEXT_FORMATS[style](table) + "\n")
    else:
        print(TEXT_FORMATS[style](table))


if __name__ == "__main__":
    run_command(main)
