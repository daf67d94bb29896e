"""What a figure is: its description, and how it is drawn of stored rows."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from sweep.config.parts import Part
from sweep.config.work import Kind


@dataclass(frozen=True, kw_only=True)
class Figure(Part, ABC):
    """A figure that `python -m sweep.figures figure=NAME` draws of the rows in a results directory.

    A module in `sweep/figures/parts`, or one of another package (`figure=my_package.my_figure`), declares it:

        class LossByBits(Figure):
            def draw(self, runs, found, folder):
                figure = new_figure(4, 3)
                figure.subplots().plot(runs["bits"], runs["test_loss"], "o")
                return save(figure, folder, "loss")

        PART = LossByBits(name="loss", meaning="Test loss against bits.", kind="train")

    `kind` is of the work that has to be done with the runs before there is anything to draw.
    """

    key: ClassVar = "figure"
    room: ClassVar = "sweep.figures.parts"
    entry_points: ClassVar = "qsweep.figures"
    has_files: ClassVar = True

    kind: Kind
    paper: str = ""  # that prints it, with the number that it has there

    def found(self, results_dir: Path, runs: pd.DataFrame, values: Mapping[str, str]) -> pd.DataFrame:
        """What its work left of `runs`, narrowed by `values` of its columns; raises `ConfigError` on none."""
        from sweep.tables.sources import found_by  # reads runs, which parts from outside are found before

        return found_by(self.kind, results_dir, runs, values)

    @abstractmethod
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        """The files written into `folder`; raises `ConfigError` where the rows do not have what the figure needs.

        `runs` as `sweep.tables.sources.runs_of_tables` gives them; `found` as `found` gives it.
        """
