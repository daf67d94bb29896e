"""Learned step size quantization (Esser et al. 2020; QGen eq. 1-3)."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from sweep.config.part_classes import Quantizer
from sweep.config.parts import Hyperparameter

STEP_SIZE_WEIGHT_DECAY = Hyperparameter(
    "step_size_weight_decay",
    bool,
    "whether weight_decay also acts on step sizes, offsets and SAQ's clips",
    neutral=False,
    in_every_id=True,
    differs_in_arrays=True,
)
BIN_REGULARIZATION = Hyperparameter(
    "bin_regularization", float, "largest coefficient of the oscillation-aware bin regularization", neutral=0.0, low=0
)
BIN_REGULARIZATION_START = Hyperparameter(
    "bin_regularization_start",
    float,
    "share of the epochs before bin_regularization begins to rise",
    neutral=0.0,
    low=0,
    read_if=lambda values: values["bin_regularization"] != 0,
)
ACT_GRAD_SCALE = Hyperparameter(
    "act_grad_scale",
    str,
    "N of LSQ's 1/sqrt(N qmax) for activations: that of a sample or batch",
    neutral="sample",
    choices=("sample", "batch"),
)
QUANTIZE_IMAGES = Hyperparameter(
    "quantize_images", bool, "whether the input of the first layer is quantized", neutral=False
)


def bins_conflict(values: Mapping[str, Any]) -> str | None:
    start = values["bin_regularization_start"]
    if start >= 1:
        return f"bin_regularization_start={start}: allowed is a share of the epochs, from 0 to below 1"
    return None


# Quantizers with learned step sizes: LSQ, and those that others made of it.
like_lsq = partial(
    Quantizer,
    weights=(STEP_SIZE_WEIGHT_DECAY, BIN_REGULARIZATION, BIN_REGULARIZATION_START),
    activations=(STEP_SIZE_WEIGHT_DECAY, ACT_GRAD_SCALE, QUANTIZE_IMAGES),
    conflict=bins_conflict,
    learns=True,
)

PART = like_lsq(
    "lsq",
    "a learned step size of each weight tensor, and of each layer's input",
    printed=("LSQ",),
    trains_in_arrays=True,
    learns_step_sizes=True,
)
