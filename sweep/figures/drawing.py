"""What all figures share: colours, marks and files."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from sweep.config import FULL_PRECISION

PNG_DPI = 100
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


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """As SVG and PNG; the same picture is the same SVG."""
    folder.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(folder / f"{name}.svg", metadata={"Date": None})
    figure.savefig(folder / f"{name}.png", dpi=PNG_DPI)
    return [folder / f"{name}.svg", folder / f"{name}.png"]
