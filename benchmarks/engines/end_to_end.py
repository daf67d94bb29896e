"""A whole short run of an array in a process of its own: imports, compiling, capturing, evaluation, checkpoints.

    python -m benchmarks.engines.end_to_end --members 12 --epochs 5 ...

`timed` starts it and takes the time.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.engines.images import load_images
from benchmarks.engines.rows import EPOCH_IMAGES
from benchmarks.engines.variants import base_run, mixed
from sweep.config.facts import DataFacts
from sweep.data.device import ImageData
from sweep.training.array.engine import train_array
from sweep.training.progress import TrainOptions

CHECKPOINT_S = 10.0
ARGUMENTS = ("members", "epochs", "batch_size", "train_size", "test_size", "width", "depth")


def timed(given: argparse.Namespace, facts: DataFacts, rows: Sequence[dict[str, Any]]) -> str:
    """A sentence on such a run, of the fastest array in `rows` at the first of the precisions."""
    arrays = [row for row in rows if row["variant"] == "array" and row["precision"] == given.precisions[0]]
    measured = [row for row in arrays if row["model_epochs_per_h"]]
    if not measured:
        return "End to end: no array to run."
    fastest = max(measured, key=lambda row: row["model_epochs_per_h"])
    wall_s, said = _run(_command(given, fastest))
    speed = 3600 * fastest["members"] * given.epochs * facts.train_size / EPOCH_IMAGES / wall_s
    return (
        f"End to end, width {fastest['width']}, depth {fastest['depth']}, {fastest['precision']}, array of "
        f"{fastest['members']}: {given.epochs} x {facts.train_size:,} images in {wall_s:.1f} s, with imports, "
        f"loading, compiling from an empty cache, capturing, an evaluation of both splits after every epoch and "
        f"checkpoints: {speed:,.1f} model-epochs per hour; {said}."
    )


def _command(given: argparse.Namespace, row: dict[str, Any]) -> list[str]:
    values = vars(given) | row
    command = [sys.executable, "-m", __name__, "--precision", row["precision"], "--device", given.device]
    command += [part for name in ARGUMENTS for part in (f"--{name.replace('_', '-')}", str(values[name]))]
    return command + (["--images", given.images] if given.images else [])


def _run(command: Sequence[str]) -> tuple[float, str]:
    """Seconds, and what the process says at its end."""
    with tempfile.TemporaryDirectory() as cache:
        env = os.environ | {"TORCHINDUCTOR_CACHE_DIR": cache}
        started = time.perf_counter()
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, env=env)
        wall_s = time.perf_counter() - started
    return wall_s, done.stdout.strip() if done.returncode == 0 else f"it FAILED with exit status {done.returncode}"


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ARGUMENTS:
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, required=True)
    parser.add_argument("--precision", required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--images", help="directory of parquet files; random images by default")
    return parser.parse_args()


def main() -> None:
    given = parse()
    device = torch.device(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
    arrays = load_images(given.images, given.train_size, given.test_size)
    changes = {"epochs": given.epochs, "eval_every_epochs": 1, "eval_every_epochs_late": 1}
    base = base_run(given.width, given.depth, given.batch_size, given.precision, **changes)
    runs = mixed(base, given.members)
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / f"{index}.pt" for index in range(len(runs))]
        options = [TrainOptions(code="", checkpoint=path, checkpoint_seconds=CHECKPOINT_S) for path in paths]
        results = list(train_array(runs, ImageData(arrays, base, device), device, options))
    assert all(result is not None and result.status == "finished" for _, result in results)
    peak = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None
    print("memory not measured on a CPU" if peak is None else f"peak memory {peak / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
