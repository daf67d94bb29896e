"""Two processes that train one run: the numbers of one, and what happens when one of them ends."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from sweep.config.run import DataSource, RunConfig
from sweep.config.settings import Settings
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.plan.packs import Pack, Task
from sweep.results.paths import ResultsDir
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from sweep.worker.processes import train_in_processes
from tests.conftest import DIGITS, tiny_run
from tests.todays_code import TODAY
from tests.training.rows import row_of

# Three images of the last batch make parts of one and two. Without the noise, sums of integers would meet the means of
# BN exactly, and rounding would decide which gradients pass a ReLU.
RUN = tiny_run(
    model="resnet20", base_width=1, width=1, depth=1, epochs=2, train_subset=67, test_subset=31, batch_size=32,
    precision="fp64", act_bits=4, quantizer="noise_tempering", tempering_c=0.1, tempering_k=1.0, milestones=[],
)  # fmt: skip
COMPARED = ("train_loss", "test_loss", "train_acc", "test_acc", "gap")


def pack_of(run: RunConfig, results_dir: Path, source: DataSource = DIGITS) -> tuple[Task, Pack]:
    task = Task(
        run, run.run_id, source, attempt=1, has_row=False, expected_s=1, entries=frozenset(), code=TODAY.fingerprint
    )
    settings = Settings(results_dir=str(results_dir), device="cpu", processes_per_run=2, checkpoint_seconds=1e-6)
    return task, Pack("p", (task,), str(results_dir / "sweep"), settings, os.getpid())


def trained_alone(run: RunConfig, arrays: ImageArrays) -> dict[str, Any]:
    cpu = torch.device("cpu")
    return row_of(train(run, ImageData(arrays, run, cpu), cpu, TrainOptions("test")))


def rank_pids() -> list[int]:
    """Children of this process that train."""
    listed = subprocess.run(["ps", "--ppid", str(os.getpid()), "-o", "pid=,args="], capture_output=True, text=True)
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "sweep.worker.rank" in line]


def test_a_row_of_two_processes_from_the_command_line(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    arguments = [f"{name}={getattr(RUN, name)}" for name in ("train_subset", "test_subset", "epochs", "batch_size")]
    arguments += ["dataset=digits", "model=resnet20", "precision=fp64", "act_bits=4", "milestones=[]"]
    arguments += ["eval_every_epochs=1", "eval_every_epochs_late=1", "quantizer=noise_tempering"]
    arguments += ["tempering_c=0.1", "tempering_k=1.0", f"lr={RUN.lr}"]
    arguments += ["hydra/launcher=local", "device=cpu", "processes_per_run=2", f"results_dir={tmp_path}"]
    done = subprocess.run([sys.executable, "-m", "sweep.run", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    row = pd.read_parquet(tmp_path / "rows").iloc[0]
    assert (row["run_id"], row["status"], row["processes"]) == (RUN.run_id, "finished", 2)
    alone = trained_alone(RUN, digit_arrays)
    assert row[list(COMPARED)].tolist() == pytest.approx([alone[name] for name in COMPARED], rel=1e-10)
    losses = pd.read_parquet(tmp_path / "curves")["batch_loss"].tolist()
    assert losses == pytest.approx([record["batch_loss"] for record in alone["curve"]], rel=1e-10)


def test_killed_stopped_and_resumed(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    task, pack = pack_of(RUN, tmp_path)
    checkpoint = ResultsDir(tmp_path).checkpoint(task.run_id)

    def kill_one_after_a_checkpoint() -> bool:
        pids = rank_pids()
        if checkpoint.exists() and len(pids) == 2:
            os.kill(pids[1], signal.SIGKILL)
        return False

    with pytest.raises(SystemExit, match="process 1 of 2 was killed by SIGKILL"):
        train_in_processes(task, pack, kill_one_after_a_checkpoint)
    assert train_in_processes(task, pack, lambda: True) is None
    result = train_in_processes(task, pack, lambda: False)
    assert result is not None and not rank_pids()
    alone = trained_alone(RUN, digit_arrays)
    columns = result.columns()
    assert [columns[name] for name in COMPARED] == pytest.approx([alone[name] for name in COMPARED], rel=1e-10)


def test_the_trace_of_a_process_that_raises(tmp_path: Path) -> None:
    nowhere = DataSource("parquet_images", "birds", str(tmp_path / "nowhere"))
    with pytest.raises(RuntimeError, match=r"(?s)one of 2 processes raised:.*in load\n.*ConfigError: .*no train-"):
        train_in_processes(*pack_of(RUN, tmp_path, nowhere), lambda: False)


def test_a_process_that_imports_other_code_than_its_worker_trains_nothing(tmp_path: Path) -> None:
    task, pack = pack_of(RUN, tmp_path)
    before_the_edit = replace(task, code="before the edit")
    with pytest.raises(RuntimeError, match=r"(?s)one of 2 processes raised:.*the code was edited while the processes"):
        train_in_processes(before_the_edit, pack, lambda: False)
    assert not ResultsDir(tmp_path).checkpoint(task.run_id).exists()
