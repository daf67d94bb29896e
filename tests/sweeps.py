"""Small sweeps by `python -m sweep.run` in processes of their own, and what they leave on disk."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd

SMALL = ["dataset=digits", "base_width=2", "width=2", "depth=2", "train_subset=200", "test_subset=100", "epochs=3"]
ONE_OPTIMIZER = ["optimizer=sgd", "lr=0.1", "weight_decay=0"]
ARRAYS = ["engine=array", "device=cpu", "workers=2"]
# Columns that say how a run went, not what it computed.
CIRCUMSTANCES = ["attempt", "seconds", "images_per_s", "started_at", "ended_at", "job_id", "host", "study"]


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=900, **options)


def command(*arguments: str) -> list[str]:
    """On this machine, also where there is a SLURM."""
    launcher = [] if any("hydra/launcher" in argument for argument in arguments) else ["hydra/launcher=local"]
    return [sys.executable, "-m", "sweep.run", *arguments, *launcher]


def computed(results_dir: Path) -> list[dict[str, Any]]:
    """The rows less their circumstances, comparable bit for bit."""
    table = pd.read_parquet(results_dir / "rows").drop(columns=CIRCUMSTANCES).sort_values("run_id")
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows


def curves(results_dir: Path) -> pd.DataFrame:
    table = pd.read_parquet(results_dir / "curves").drop(columns=["attempt", "ended_at"])
    return table.sort_values(["run_id", "epoch"]).reset_index(drop=True)


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def worker_pids(results_dir: Path) -> set[int]:
    """Of the workers that started a run, from their journals."""
    lines = [line for path in results_dir.glob("sweeps/*/journal/*.jsonl") for line in path.read_text().splitlines()]
    return {json.loads(line)["pid"] for line in lines if json.loads(line)["event"] == "started"}
