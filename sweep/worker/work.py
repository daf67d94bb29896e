"""What a kind of work is: what workers do with tasks of it, and what each task comes to."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from sweep.config.settings import Settings
from sweep.plan.packs import Pack, Task
from sweep.results.schema import CURVES, Schema

Stop = Callable[[], bool]  # turns true where a task is to be left, for now or for good


@dataclass(frozen=True)
class Result:
    """The result of a task: `columns` of its row in `table`, and the rows of its curve, one per epoch.

    Raises ValueError where a table has no such column, so that nothing is lost in silence.
    """

    table: Schema
    columns: Mapping[str, Any]
    curve: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        self.table.check(self.columns)
        for epoch in self.curve:
            CURVES.check(epoch)

    @property
    def status(self) -> str:
        """The status of the row: finished or diverged."""
        return str(self.columns["status"])

    @property
    def seconds(self) -> float:
        return float(self.columns["seconds"])


@dataclass(frozen=True)
class Outcome:
    """The end of work on a task: its result, or None where the work was asked to stop."""

    task: Task
    result: Result | None


class KindOfWork(ABC):
    """One kind of work. Its table in sweep/results/schema.py has its name, and the columns of its rows."""

    table: ClassVar[Schema]

    @abstractmethod
    def columns(self, task: Task, settings: Settings) -> dict[str, Any]:
        """Returns what the row of `task` says of it, however it ends."""

    def together(self, tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
        """Yields `tasks` in groups that a worker does together, in their order: here one at a time."""
        return ([task] for task in tasks)

    @abstractmethod
    def work_on(self, tasks: Sequence[Task], pack: Pack, stops: Sequence[Stop]) -> Iterator[Outcome]:
        """Does one of the groups of `together`, and says how each task ended when it does.

        A task is left where its own of `stops` turns true. What this raises concerns all tasks that have not ended.
        """
