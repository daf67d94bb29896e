"""To add a network or a data set is to write one file, also outside this checkout."""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sweep import PROJECT

NETWORK = '''"""One hidden layer."""

from sweep.config.networks import Network

PART = Network("mlp", "pixels to six units to classes")


def build(size, channels, classes, image_size):
    from torch import nn

    pixels = channels * image_size[0] * image_size[1]
    hidden = nn.Linear(pixels, 6)
    return nn.Sequential(nn.Flatten(), hidden, nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, classes))
'''
DATA_SET = '''"""Bright and dark squares."""

import numpy as np

from sweep.config.datasets import DataSet
from sweep.config.facts import DataFacts
from sweep.data.arrays import ImageArrays

PART = DataSet("squares", "bright and dark squares", facts=DataFacts(96, 32, 1, 8, 8, 2))


def prepare(source, cache_dir):
    pass


def load(source, cache_dir):
    labels = np.arange(128) % 2
    images = (labels * 100)[:, None, None, None] + np.arange(64).reshape(1, 8, 8, 1)
    images = images.astype(np.uint8)
    return ImageArrays(images[:96], labels[:96], images[96:], labels[96:], ("dark", "bright"))
'''
ADDED = {
    "model": ("my_network", NETWORK, ["dataset=digits", "train_subset=128", "test_subset=64"]),
    "dataset": ("my_data", DATA_SET, ["model=nin", "base_width=2", "width=2", "depth=2"]),
}
SWEEP = ("grid=demo", "bits=4,32", "optimizer=sgd", "lr=0.1", "epochs=2", "hydra/launcher=local", "device=cpu")


@pytest.mark.parametrize("key", ADDED)
def test_a_part_of_one_file_is_planned_trained_resumed_and_tabulated(key: str, tmp_path: Path) -> None:
    module, text, others = ADDED[key]
    package = tmp_path / "my_package"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / f"{module}.py").write_text(text)
    given = [f"{key}=my_package.{module}", *others, *SWEEP, f"results_dir={tmp_path / 'results'}"]

    planned = command(tmp_path, "sweep.run", "-m", *given, "dry_run=true")
    assert "cost from operations for 2 runs" in planned
    command(tmp_path, "sweep.run", "-m", *given)
    rows = pd.read_parquet(tmp_path / "results" / "rows")
    assert (rows["status"] == "finished").all() and sorted(rows["bits"]) == [4, 32]
    assert set(rows[key]) == {f"my_package.{module}"}
    assert "nothing to do" in command(tmp_path, "sweep.run", "-m", *given)
    assert f"my_package.{module}" in command(tmp_path, "sweep.tables", f"results_dir={tmp_path / 'results'}")


def command(folder: Path, *arguments: str) -> str:
    """Its output, of a process that finds the packages in `folder`."""
    path = os.pathsep.join([str(folder), str(PROJECT)])
    environment = os.environ | {"PYTHONPATH": path, "XDG_CACHE_HOME": str(folder / "cache")}
    environment.pop("QSWEEP_PARTS", None)
    done = subprocess.run(
        [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
