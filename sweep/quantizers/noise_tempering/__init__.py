"""Noise tempering over LSQ (Wang et al. 2022)."""

from sweep.config.parts import Hyperparameter
from sweep.quantizers.lsq import STEP_SIZE_WEIGHT_DECAY, like_lsq

TEMPERING_C = Hyperparameter("tempering_c", float, "c of noise tempering, 0 without noise", neutral=0.0, low=0)
TEMPERING_K = Hyperparameter(
    "tempering_k",
    float,
    "k of noise tempering, 0 without noise",
    neutral=0.0,
    low=0,
    read_if=lambda values: values["tempering_c"] != 0,
)
PART = like_lsq(
    "noise_tempering",
    "LSQ with noise that depends on the quantization error, in training; activations as lsq",
    printed=("noise tempering",),
    weights=(STEP_SIZE_WEIGHT_DECAY, TEMPERING_C, TEMPERING_K),
    activations_only="lsq",
    learns_step_sizes=True,
)
