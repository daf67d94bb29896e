"""A NiN of the paper's size on 10,000 real 32 x 32 images: minutes, so it is run by hand.

QSWEEP_IMAGES=/path/to/cifar10-parquet pytest -m slow tests/test_real_images.py
"""

import math
import os
from pathlib import Path

import pandas as pd
import pytest

from tests.sweeps import run

IMAGES = os.environ.get("QSWEEP_IMAGES", "")


@pytest.mark.slow
@pytest.mark.skipif(not IMAGES, reason="QSWEEP_IMAGES is not set to a folder of train and test parquet files")
def test_it_learns_at_2_and_at_32_bits(tmp_path: Path) -> None:
    data = ["dataset=parquet_images", "dataset_name=images", f"data_dir={IMAGES}"]
    sweep = ["-m", "optimizer=sgd", "lr=0.1", "weight_decay=0", "width=8", "depth=2", "bits=2,32"]
    size = ["train_subset=10000", "test_subset=2000", "epochs=2"]
    done = run(*sweep, *data, *size, f"results_dir={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = pd.read_parquet(tmp_path / "rows")
    assert len(rows) == 2
    assert (rows["train_loss"] < math.log(10) - 0.4).all()
