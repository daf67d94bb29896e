"""SAQ's uniform quantizer with weight normalization (Liu et al. 2021, eq. 1-2)."""

from sweep.config.part_classes import Quantizer
from sweep.quantizers.lsq import STEP_SIZE_WEIGHT_DECAY

PART = Quantizer(
    "saq",
    "normalized weights and activations between learned clips",
    printed=("SAQ's quantizer",),  # SAQ by itself is the update rule
    weights=(STEP_SIZE_WEIGHT_DECAY,),
    activations=(STEP_SIZE_WEIGHT_DECAY,),
    learns=True,
)
