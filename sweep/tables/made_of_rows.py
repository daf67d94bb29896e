"""What tables and figures have in common: the work that they are of, the paper that prints them, and their rows."""

from abc import ABC
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from sweep.config.checks import check_choice
from sweep.config.parts import Part

if TYPE_CHECKING:  # work reads measures, among which parts from outside are looked for
    from sweep.config.work import Kind

DONE: "Mapping[Kind, str]" = {"train": "trained", "measure": "measured", "distort": "evaluated on corrupted images"}


@dataclass(frozen=True, kw_only=True)
class MadeOfRows(Part, ABC):
    """A part that is made of the rows in a results directory.

    `kind` is of the work that has to be done with the runs before there is anything to show, and so decides which rows
    and which arguments it reads. `paper` is the table or figure that prints it, empty where none does.
    """

    kind: "Kind" = "train"
    paper: str = ""

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, tuple(DONE))

    @property
    def heading(self) -> str:
        """Says where it is printed and what it is, in whole sentences."""
        return f"{self.paper}. {self.meaning}" if self.paper else self.meaning

    def found(self, results_dir: Path, runs: pd.DataFrame, values: Mapping[str, str]) -> pd.DataFrame:
        """Returns the rows that its work left of `runs`, narrowed by `values` of their columns.

        Raises `ConfigError` where there are none.
        """
        from sweep.tables.sources import found_by  # reads runs, which parts from outside are found before

        return found_by(self.kind, results_dir, runs, values)


def listed(parts: Iterable[MadeOfRows]) -> str:
    """Returns one line for each of `parts`, for people: how it is asked for, its heading, and of which runs it is."""
    lines = [(part.name, f"{part.heading} Of runs that were {DONE[part.kind]}.") for part in parts]
    width = max(len(name) for name, _ in lines)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in lines)
