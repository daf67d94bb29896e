"""Tests shared out to pytest-xdist's workers so that one that ends its worker fails by its name, and none is lost."""

import contextlib
from typing import Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadGroupScheduling
from xdist.workermanage import WorkerController


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> "GroupScheduling | None":
    return GroupScheduling(config, log) if config.getvalue("dist") == "loadgroup" else None


class GroupScheduling(LoadGroupScheduling):
    """As `--dist loadgroup`, for workers that die.

    That of pytest-xdist 3.8 loses the session then: it runs the fatal test again, gives tests to a worker that is still
    collecting (KeyError) or has just died as well (OSError), and waits for one that got a single test and was not told
    that no other follows.
    """

    def remove_node(self, node: WorkerController) -> str | None:
        """The test that the worker died in, which has been run; the others of it go to the next worker."""
        units = self.assigned_work.pop(node)
        left = [(unit, test) for unit in units.values() for test, is_done in unit.items() if not is_done]
        if not left:
            return None
        unit, fatal = left[0]
        unit[fatal] = True
        self.workqueue.update({scope: unit for scope, unit in units.items() if not all(unit.values())})
        for other in self.nodes:
            self._reschedule(other)
        return fatal

    def schedule(self) -> None:
        is_begun = self.collection is not None
        super().schedule()
        if is_begun:  # a worker begins a test when it knows what follows
            for node in self.nodes:
                self._reschedule(node)

    def _reschedule(self, node: Any) -> None:
        if node in self.registered_collections:
            super()._reschedule(node)

    def _assign_work_unit(self, node: WorkerController) -> None:
        with contextlib.suppress(OSError):  # it has died; `remove_node` is about to hear of it, and gives the unit on
            super()._assign_work_unit(node)
