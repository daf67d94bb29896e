"""What a figure is: its description, and how it is drawn of stored rows."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pandas as pd

from sweep.tables.made_of_rows import MadeOfRows


@dataclass(frozen=True, kw_only=True)
class Figure(MadeOfRows):
    """A figure that `python -m sweep.figures figure=NAME` draws of the rows in a results directory.

    A module in `sweep/figures/parts`, or one of another package (`figure=my_package.my_figure`), declares it:

        class LossByBits(Figure):
            def draw(self, runs, found, folder):
                figure = new_figure(4, 3)
                figure.subplots().plot(runs["bits"], runs["test_loss"], "o")
                return save(figure, folder, "loss")

        PART = LossByBits(name="loss", meaning="Test loss against bits.")
    """

    key: ClassVar = "figure"
    room: ClassVar = "sweep.figures.parts"
    entry_points: ClassVar = "qsweep.figures"
    has_files: ClassVar = True

    @abstractmethod
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        """The files written into `folder`; raises `ConfigError` where the rows do not have what the figure needs.

        `runs` as `sweep.tables.sources.runs_of_tables` gives them; `found` as `found` gives it.
        """
