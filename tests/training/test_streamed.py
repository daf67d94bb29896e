"""Training on images that are decoded for every batch."""

from pathlib import Path

import pytest
import torch

from sweep import data
from sweep.config.run import can_join_array
from sweep.data.streamed import StreamedData
from sweep.training.plain import train
from sweep.training.progress import Interrupted, TrainOptions
from tests.conftest import StopAfter, tiny_run
from tests.data.files_of import write_photographs
from tests.training.rows import row_of

CPU = torch.device("cpu")


def test_interrupted_and_resumed_equals_uninterrupted_with_any_number_of_workers(
    tmp_path: Path, stop_after: StopAfter
) -> None:
    source = write_photographs(tmp_path / "photographs")
    run = tiny_run(augmentation="file_crop_flip", train_subset=0, test_subset=0, batch_size=5, act_bits=4, epochs=3)
    assert not can_join_array(run)
    alone, helped = (StreamedData(data.load_files(source), run, CPU, workers) for workers in (0, 2))
    whole = row_of(train(run, alone, CPU, TrainOptions("test")))
    options = {"code": "test", "checkpoint": tmp_path / "run.pt"}
    with pytest.raises(Interrupted):
        train(run, helped, CPU, TrainOptions(**options, stop=stop_after(7)))  # type: ignore[arg-type]
    resumed = row_of(train(run, helped, CPU, TrainOptions(**options)))  # type: ignore[arg-type]
    assert resumed == whole
    assert whole["train_acc"] > 0.9  # of dark and bright
