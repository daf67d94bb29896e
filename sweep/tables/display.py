"""A table in every format."""

from pathlib import Path

import pandas as pd

from sweep.tables.formats import STYLES, csv
from sweep.tables.table import Table

FORMATS = (*STYLES, "csv", "parquet")


def text_of(table: Table, lines: pd.DataFrame, style: str) -> str:
    """Returns `lines` of `table` as text, in one of `FORMATS` but parquet; csv has numbers in full precision."""
    return csv(lines) if style == "csv" else STYLES[style](table.heading, table.cells(lines), table.notes(lines))


def write(table: Table, lines: pd.DataFrame, style: str, path: Path) -> None:
    """Writes `lines` of `table` in one of `FORMATS`; parquet has all columns, with the run ids behind every line."""
    if style == "parquet":
        lines.to_parquet(path, index=False)
    else:
        path.write_text(text_of(table, lines, style) + "\n")
