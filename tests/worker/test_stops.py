"""A request to stop one run, from the search to the worker that trains it."""

from pathlib import Path

import pytest

from sweep.results.paths import SweepDir
from sweep.worker.stops import PRUNE_CHECK_S, PruneRequest, request_prune


def test_a_request_reaches_its_run_within_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("sweep.worker.stops.time.monotonic", lambda: now[0])
    asked, other = (PruneRequest(SweepDir(tmp_path).prune_request(run_id)) for run_id in ("a", "b"))
    assert not asked() and not other()
    request_prune(SweepDir(tmp_path), "a")
    request_prune(SweepDir(tmp_path), "a")
    assert not asked()  # a shared file system is not asked at every step
    now[0] += PRUNE_CHECK_S + 0.1
    assert asked() and asked.made and not other() and not other.made
