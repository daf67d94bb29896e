"""The local executor: one call starts and looks after workers, another only tells what it found."""

from pathlib import Path

import pytest

from launchers import local
from launchers.local import LocalExecutor
from sweep.config.settings import Settings
from sweep.plan.packs import Pack
from sweep.worker.causes import KILLED
from tests.plan.tasks import tasks


class Process:
    """Is over when the test says so."""

    started: list["Process"] = []  # noqa: RUF012

    def __init__(self, pack: Pack, gpus: tuple[int, ...]) -> None:
        self.pack, self.is_over, self.log = pack, False, Path("nowhere")
        self.started.append(self)


def test_only_advance_starts_workers_and_frees_their_slots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local, "_Process", Process)
    monkeypatch.setattr(Process, "started", [])
    executor = LocalExecutor(1, Settings(device="cpu"))
    packs = [Pack(f"p{i}", (task,), str(tmp_path), Settings(), 1) for i, task in enumerate(tasks([1.0] * 2))]
    executor.submit(packs)
    assert executor.ended() == [] and Process.started == []
    executor.advance()
    assert [process.pack for process in Process.started] == packs[:1]
    Process.started[0].is_over = True
    assert executor.ended() == [] and len(Process.started) == 1
    executor.advance()
    assert [(end.pack, end.cause) for end in executor.ended()] == [(packs[0], KILLED)]
    assert executor.ended() == executor.ended()
    assert [process.pack for process in Process.started] == packs
    executor.advance()
    assert executor.ended() == []
