"""GPUs and cores, without asking torch."""

import os
from pathlib import Path

import pytest

from launchers.local import LocalExecutor, LocalLauncher
from sweep.config.checks import ConfigError
from sweep.config.engines import resolved_for
from sweep.config.settings import Settings
from sweep.worker import hardware


@pytest.mark.parametrize(("value", "expected"), [("", []), ("0", [0]), ("2,5", [2, 5])])
def test_visible_devices(value: str, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert hardware.visible_gpus() == expected


def test_the_driver_lists_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: x)'\necho 'GPU 1: NVIDIA H200 (UUID: y)'\n")
    tool.chmod(0o755)
    assert hardware.visible_gpus() == [0, 1]
    launcher = LocalLauncher()
    assert launcher.device(Settings()) == "cuda"
    assert launcher.device(Settings(device="cpu")) == "cpu"
    assert launcher.workers(Settings()) == 2
    assert launcher.workers(Settings(processes_per_run=2)) == 1
    assert resolved_for("cuda", Settings()).engine == "array"
    assert resolved_for("cuda", Settings(processes_per_run=2)).engine == "plain"
    with pytest.raises(ConfigError, match=r"processes_per_run=3: each needs a GPU of its own, and 2 are visible"):
        launcher.device(Settings(processes_per_run=3))
    with pytest.raises(ConfigError, match=r"engine=array with processes_per_run=2: an array trains in one process"):
        resolved_for("cuda", Settings(processes_per_run=2, engine="array"))


def test_every_process_of_a_run_gets_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,4,5")
    executor = LocalExecutor(2, Settings(device="cuda", processes_per_run=2))
    assert [executor._gpus_of(slot) for slot in (0, 1)] == [(0, 1), (4, 5)]
    assert LocalExecutor(2, Settings(device="cpu"))._gpus_of(1) == ()


def test_without_gpus_there_is_a_worker_per_core_or_as_many_as_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    launcher = LocalLauncher()
    assert launcher.workers(Settings()) == hardware.cores()
    assert launcher.workers(Settings(threads=10_000)) == 1
    assert launcher.workers(Settings(workers=7)) == 7
    with pytest.raises(ConfigError, match="device=cuda: no NVIDIA GPU is visible"):
        launcher.device(Settings(device="cuda"))
