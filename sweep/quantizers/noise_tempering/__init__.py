"""Noise tempering over LSQ (Wang et al. 2022)."""

from sweep.config.kinds import Quantizer
from sweep.config.parts import Hyperparameter
from sweep.quantizers import lsq

TEMPERING_C = Hyperparameter("tempering_c", float, "c of noise tempering, 0 without noise", neutral=0.0, low=0)
TEMPERING_K = Hyperparameter(
    "tempering_k",
    float,
    "k of noise tempering, 0 without noise",
    neutral=0.0,
    low=0,
    read_if=lambda values: values["tempering_c"] != 0,
)
PART = Quantizer(
    "noise_tempering",
    "LSQ with noise that depends on the quantization error, in training; activations as lsq",
    weights=(lsq.STEP_SIZE_WEIGHT_DECAY, TEMPERING_C, TEMPERING_K),
    activations=lsq.ACTIVATIONS,
    activations_only="lsq",
    learns=True,
    learns_step_sizes=True,
)
