"""What all figures share: colours, marks and files."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.config.bits import FULL_PRECISION

PNG_DPI = 100
DARK = 0.6  # share of the limit from which text on a cell is white
# Of Okabe and Ito, told apart by colour-blind readers.
_COLOURS = {FULL_PRECISION: "#000000", 8: "#0072B2", 4: "#009E73", 2: "#D55E00"}
_OTHER_COLOUR = "#CC79A7"  # 3, 5, 6 and 7 bits
_MARKERS = {FULL_PRECISION: "o", 8: "s", 4: "^", 2: "D"}
_OTHER_MARKER = "v"


def colour(bits: int) -> str:
    return _COLOURS.get(bits, _OTHER_COLOUR)


def marker(bits: int) -> str:
    return _MARKERS.get(bits, _OTHER_MARKER)


def new_figure(width_in: float, height_in: float) -> Figure:
    return Figure(figsize=(width_in, height_in), layout="constrained")


def draw_cells(axes: Axes, cells: pd.DataFrame, limit: float, form: str, marked: pd.DataFrame | None = None) -> None:
    """Numbers as text on colours from -limit (blue) to limit (red); * on those that are `marked`."""
    values = cells.to_numpy(dtype=float)
    axes.imshow(values, cmap="RdBu_r", vmin=-limit, vmax=limit, aspect="auto")
    axes.set_xticks(range(len(cells.columns)), [name.replace("_", " ") for name in cells.columns])
    axes.set_yticks(range(len(cells)), [name.replace("_", " ") for name in cells.index])
    marks = np.full(values.shape, False) if marked is None else marked.to_numpy() == True  # noqa: E712
    for (row, column), value in np.ndenumerate(values):
        text = "" if np.isnan(value) else form.format(value) + "*" * int(marks[row, column])
        readable = "white" if abs(value) > DARK * limit else "black"
        axes.text(column, row, text, ha="center", va="center", fontsize=8, color=readable)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Writes SVG and PNG and returns their paths; the same picture is the same SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=PNG_DPI)
    return [folder / f"{name}.svg", folder / f"{name}.png"]
