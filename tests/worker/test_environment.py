"""What workers find in their environment."""

import os
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from launchers.local import _worker_environment
from launchers.slurm.commands import submission_environment
from sweep.worker.environment import FAULT_HANDLER, MALLOC


@pytest.mark.parametrize("environment", [lambda: _worker_environment(2), lambda: submission_environment("/here")])
def test_mallocs_thresholds_and_the_fault_handler_are_for_workers_only(
    environment: Callable[[], AbstractContextManager[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = MALLOC | FAULT_HANDLER
    for name in ours:
        monkeypatch.delenv(name, raising=False)
    before = dict(os.environ)
    with environment():
        assert {name: os.environ[name] for name in ours} == ours
    assert dict(os.environ) == before


def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_TOP_PAD_", "7")
    with _worker_environment(2):
        assert os.environ["MALLOC_TOP_PAD_"] == "7"
        assert os.environ["OMP_NUM_THREADS"] == "2"
