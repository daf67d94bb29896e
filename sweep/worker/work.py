"""The kinds of work that a worker can do, each a module with the functions of `KindOfWork`.

What else a kind needs is declared where such things are: its table in sweep/results/schema.py and
`sweep.results.rows.STORES`, the code that decides its numbers in sweep/results/provenance.py.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from sweep.config.settings import Settings
from sweep.config.work import Kind
from sweep.plan.packs import Pack, Task
from sweep.worker import distort, measure, train

Results = Iterator[tuple[int, dict[str, Any] | None]]


class KindOfWork(Protocol):
    def columns(self, task: Task) -> dict[str, Any]:
        """What the row of `task` says of it, however it ends."""

    def together(self, tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
        """`tasks` in groups that are done together, in the order in which a worker does them."""

    def results(self, tasks: Sequence[Task], pack: Pack, stops: Sequence[Callable[[], bool]]) -> Results:
        """Does one of the groups of `together`.

        Yields (index into `tasks`, columns of its row) as they end; None in place of the columns for one that was
        asked to stop.
        """


KINDS_OF_WORK: dict[Kind, KindOfWork] = {"train": train, "measure": measure, "distort": distort}
