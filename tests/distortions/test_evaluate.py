"""Kept weights give on clean images what training said of them, for every quantizer."""

from pathlib import Path

import pytest
import torch

from sweep.config.part_classes import Quantizer
from sweep.config.parts import parts_of
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.distortions.evaluate import trained_network
from sweep.training.evaluate import evaluate
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from tests.conftest import tiny_run

CPU = torch.device("cpu")
BOTH = {"bits": 4, "act_bits": 4}
OWN = {
    "pact": {"bits": 32, "act_bits": 4, "pact_alpha": 10.0},
    "dorefa": {"bits": 4},
    "dorefa_pact": BOTH | {"pact_alpha": 10.0},
    "noise_tempering": BOTH | {"tempering_c": 0.1, "tempering_k": 50.0},
    "diffq": {"bits": 4, "diffq_noise": "normal"},
}
CASES = [{"quantizer": name, **OWN.get(name, BOTH)} for name in parts_of(Quantizer)]
CASES += [{"bits": 32}, {"precision": "fp64"}, {"precision": "bf16"}, {"model": "resnet20", "depth": 1, **BOTH}]


@pytest.mark.parametrize("changes", CASES, ids=lambda changes: "-".join(str(value) for value in changes.values()))
def test_kept_weights_are_the_network_that_training_evaluated(
    changes: dict[str, object], digit_arrays: ImageArrays, tmp_path: Path
) -> None:
    run = tiny_run(epochs=2, **changes)
    data = ImageData(digit_arrays, run, CPU)
    row = train(run, data, CPU, TrainOptions("code", weights=tmp_path / "w.pt")).columns()
    network = trained_network(torch.load(tmp_path / "w.pt", weights_only=True), run, data, CPU)
    found = evaluate(network, data, data.test, run.precision)
    assert (found.loss, found.acc) == (row["test_loss"], row["test_acc"])
