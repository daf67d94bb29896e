"""Cells of text, with notes beneath, in the formats that people and papers want; numbers in full precision."""

from collections.abc import Callable, Sequence
from html import escape
from io import StringIO

import pandas as pd
from rich.table import Table

from sweep.terminal import render

Notes = Sequence[str]


def terminal(heading: str, shown: pd.DataFrame, notes: Notes) -> str:
    """Returns a drawn table under its heading. Columns after `precision` are numbers."""
    drawn = Table(*shown.columns)
    first = list(shown.columns).index("precision") + 1 if "precision" in shown else len(shown.columns)
    for column in drawn.columns[first:]:
        column.justify = "right"
    for _, line in shown.iterrows():
        drawn.add_row(*line)
    return "\n".join([heading, render(drawn), *notes])


def markdown(heading: str, shown: pd.DataFrame, notes: Notes) -> str:
    return "\n\n".join([f"**{heading}**", str(shown.to_markdown(index=False, disable_numparse=True)), *notes])


def latex(heading: str, shown: pd.DataFrame, notes: Notes) -> str:
    body = str(shown.to_latex(index=False, escape=True))
    for mark, command in _LATEX.items():
        body = body.replace(mark, command)
    return "\n".join([*(f"% {line}" for line in (heading, *notes)), body])


_LATEX = {"±": r"$\pm$", "▼": r"$\blacktriangledown$", "▲": r"$\blacktriangle$"}


def html(heading: str, shown: pd.DataFrame, notes: Notes) -> str:
    paragraphs = [f"<p>{escape(note)}</p>" for note in notes]
    caption = f"<caption>{escape(heading)}</caption>"
    table = str(shown.to_html(index=False, border=0)).replace("<thead>", f"{caption}\n  <thead>", 1)
    return "\n".join([table, *paragraphs])


Style = Callable[[str, pd.DataFrame, Notes], str]
STYLES: dict[str, Style] = {"terminal": terminal, "markdown": markdown, "latex": latex, "html": html}


def csv(table: pd.DataFrame) -> str:
    stream = StringIO()
    table.drop(columns="run_ids", errors="ignore").to_csv(stream, index=False)
    return stream.getvalue()


def number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"


def with_error(value: float, error: float, digits: int) -> str:
    """Returns `value` ± its standard error, where it has one, with so many digits after the point."""
    return number(value, digits) + (f" ± {number(error, digits)}" if pd.notna(error) else "")
