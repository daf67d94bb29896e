"""Trainings with each quantizer."""

from typing import Any

import torch

from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from tests.config.each_quantizer import ACTS
from tests.conftest import tiny_run
from tests.training.rows import row_of

CPU = torch.device("cpu")
TEMPERING = {"quantizer": "noise_tempering", "tempering_c": 0.2, "tempering_k": 50.0}
CASES: dict[str, dict[str, Any]] = {
    "lsq": {},
    "lsq, activations": {"act_bits": 4},
    "lsq, images, N of the batch": {
        "act_bits": 4, "quantize_images": True, "act_grad_scale": "batch", "first_last": "8",
    },
    "lsq_plus": {"quantizer": "lsq_plus", "act_bits": 4},
    "dorefa": {"quantizer": "dorefa", "first_last": "fp"},
    "pact": {"quantizer": "pact", "bits": 32, **ACTS},
    "dorefa_pact": {"quantizer": "dorefa_pact", **ACTS},
    "saq": {"quantizer": "saq", "act_bits": 4, "first_last": "8"},
    "vvtq": {"quantizer": "vvtq", "act_bits": 4, "act_grad_scale": "batch", "bin_regularization": 0.01},
    "noise_tempering": TEMPERING,
    "diffq": {"quantizer": "diffq", "diffq_noise": "normal"},
}  # fmt: skip


def trained(arrays: ImageArrays, changes: dict[str, Any], **options: Any) -> dict[str, Any]:
    run = tiny_run(**changes)
    result = train(run, ImageData(arrays, run, CPU), CPU, TrainOptions(code="test", **options))
    return row_of(result)
