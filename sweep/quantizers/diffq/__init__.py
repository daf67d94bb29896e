"""DiffQ's pseudo quantization noise (Défossez et al. 2021), at a fixed number of bits."""

from collections.abc import Mapping
from typing import Any

from sweep.config.checks import allowed
from sweep.config.part_classes import Quantizer
from sweep.config.parts import Hyperparameter

NO_NOISE, *NOISES = ("none", "normal", "uniform")
DIFFQ_NOISE = Hyperparameter(
    "diffq_noise",
    str,
    "DiffQ's training noise: normal or uniform; none with other quantizers",
    neutral=NO_NOISE,
    choices=(NO_NOISE, *NOISES),
)


def noise_conflict(values: Mapping[str, Any]) -> str | None:
    if values["diffq_noise"] != NO_NOISE:
        return None
    return f"diffq_noise=none with quantizer={values['quantizer']}: allowed are {allowed(NOISES)}"


PART = Quantizer(
    "diffq",
    "noise in place of rounding, in training",
    weights=(DIFFQ_NOISE,),
    conflict=noise_conflict,
    printed=("DiffQ", "diffQ"),
)
