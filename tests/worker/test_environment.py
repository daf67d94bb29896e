"""What workers find in their environment."""

import os
import sys
from pathlib import Path

import pytest

from launchers.local import _worker_environment
from sweep.worker.environment import (
    FAULT_HANDLER,
    MALLOC,
    environment,
    extend_search_path,
    search_path,
    worker_environment,
)

OURS = MALLOC | FAULT_HANDLER | {"PYTHONSAFEPATH": "1"}


def test_a_worker_has_our_settings_and_all_that_it_inherits() -> None:
    found = worker_environment({"HOME": "/home"}, Path("/project"))
    assert found == OURS | {"HOME": "/home", "PYTHONPATH": "/project"}


def test_what_the_user_has_set_stays() -> None:
    assert worker_environment({"MALLOC_TOP_PAD_": "7"}, Path("/project"))["MALLOC_TOP_PAD_"] == "7"


@pytest.mark.parametrize("given", ["/mine", "/mine:", ":/mine", "/project:/mine", "/mine:/project"])
def test_our_package_comes_before_the_users_and_the_working_directory_never(given: str) -> None:
    inherited = {"PYTHONPATH": given.replace(":", os.pathsep), "PYTHONSAFEPATH": ""}
    found = worker_environment(inherited, Path("/project"))
    assert found["PYTHONPATH"].split(os.pathsep) == ["/project", "/mine"]
    assert found["PYTHONSAFEPATH"] == "1"


def test_it_is_for_workers_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", "here")
    before = dict(os.environ)
    with environment({"ONLY": "this"}):
        assert dict(os.environ) == {"ONLY": "this"}
    assert dict(os.environ) == before
    with _worker_environment(Path("/project"), 2):
        counts = {"OMP_NUM_THREADS": "2", "MKL_NUM_THREADS": "2"}
        assert dict(os.environ) == worker_environment(before, Path("/project")) | counts
    assert dict(os.environ) == before


def test_modules_beside_the_command_are_found_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/there"])
    assert search_path() == (str(tmp_path), "/there")
    monkeypatch.setattr(sys, "path", ["/there", "/here"])
    extend_search_path((str(tmp_path), "/there"))
    assert sys.path == ["/there", "/here", str(tmp_path)]
