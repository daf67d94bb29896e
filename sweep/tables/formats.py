"""A table of text cells, with notes beneath, in the formats that people and papers want."""

from collections.abc import Callable, Sequence
from html import escape
from io import StringIO
from pathlib import Path

import pandas as pd
from rich.table import Table

from sweep.terminal import render

Notes = Sequence[str]


def terminal(shown: pd.DataFrame, notes: Notes) -> str:
    """Columns after `precision` are numbers."""
    drawn = Table(*shown.columns)
    for column in drawn.columns[shown.columns.get_loc("precision") + 1 :]:  # type: ignore[operator]
        column.justify = "right"
    for _, line in shown.iterrows():
        drawn.add_row(*line)
    return "\n".join([render(drawn), *notes])


def markdown(shown: pd.DataFrame, notes: Notes) -> str:
    return "\n\n".join([str(shown.to_markdown(index=False, disable_numparse=True)), *notes])


def latex(shown: pd.DataFrame, notes: Notes) -> str:
    body = str(shown.to_latex(index=False, escape=True))
    for mark, command in _LATEX.items():
        body = body.replace(mark, command)
    return "\n".join([*(f"% {note}" for note in notes), body])


_LATEX = {"±": r"$\pm$", "▼": r"$\blacktriangledown$", "▲": r"$\blacktriangle$"}


def html(shown: pd.DataFrame, notes: Notes) -> str:
    paragraphs = [f"<p>{escape(note)}</p>" for note in notes]
    return "\n".join([str(shown.to_html(index=False, border=0)), *paragraphs])


Style = Callable[[pd.DataFrame, Notes], str]
STYLES: dict[str, Style] = {"terminal": terminal, "markdown": markdown, "latex": latex, "html": html}


def text_formats(
    readable: Callable[[pd.DataFrame], pd.DataFrame], notes: Callable[[pd.DataFrame], Notes]
) -> dict[str, Callable[[pd.DataFrame], str]]:
    """Every text format of a table, of which `readable` makes text cells and `notes` the lines beneath."""

    def in_style(style: Style) -> Callable[[pd.DataFrame], str]:
        return lambda table: style(readable(table), notes(table))

    return {**{name: in_style(style) for name, style in STYLES.items()}, "csv": csv}


def csv(table: pd.DataFrame) -> str:
    stream = StringIO()
    table.drop(columns="run_ids").to_csv(stream, index=False)
    return stream.getvalue()


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """All columns in full precision, with the run ids behind every line."""
    table.to_parquet(path, index=False)


def number(value: float, digits: int) -> str:
    return "" if pd.isna(value) else f"{value:.{digits}f}"
