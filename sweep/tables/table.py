"""What a table is: its description, and how its lines, cells and notes come of stored rows."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pandas as pd

from sweep.tables.made_of_rows import MadeOfRows


@dataclass(frozen=True, kw_only=True)
class Table(MadeOfRows):
    """A table that `python -m sweep.tables table=NAME` makes of the rows in a results directory.

    A module in `sweep/tables/parts`, or one of another package (`table=my_package.my_table`), declares it:

        class LossByBits(Table):
            def lines(self, runs, found):
                finished = runs[runs["status"] == "finished"]
                return finished.groupby("bits")["test_loss"].agg(["mean", "size"]).reset_index()

            def cells(self, lines):
                return pd.DataFrame({"bits": lines["bits"].map(str), "test loss": lines["mean"].map("{:.3f}".format)})

            def notes(self, lines):
                return [f"means over {lines['size'].sum()} runs"]

        PART = LossByBits(name="loss", meaning="Test loss by bit width.")

    `published` is the csv in results/published that stands beside ours.
    """

    key: ClassVar = "table"
    room: ClassVar = "sweep.tables.parts"
    entry_points: ClassVar = "qsweep.tables"
    has_files: ClassVar = True

    published: str = ""
    in_report: bool = False

    @abstractmethod
    def lines(self, runs: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
        """The numbers in full precision: what csv and parquet hold. Raises `ConfigError` where there are none.

        `runs` as `sweep.tables.sources.runs_of_tables` gives them, one line each; `found` as `found` gives it. A column
        `run_ids`, of lists, names the runs behind every line; csv leaves it out.
        """

    @abstractmethod
    def cells(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Texts for people, of `lines`. Columns after one called `precision` are numbers.

        Where that has the text `published`, indented, the line is a paper's and stands beneath ours.
        """

    @abstractmethod
    def notes(self, lines: pd.DataFrame) -> Sequence[str]:
        """Returns what a reader must know before he trusts the cells, a sentence each."""
