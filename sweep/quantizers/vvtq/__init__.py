"""VVTQ's quantizers for vision transformers (Huang et al. 2023): LSQ with step gradients that depend on the module."""

from sweep.config.kinds import Quantizer
from sweep.quantizers import lsq

PART = Quantizer(
    "vvtq",
    "LSQ with step gradients that depend on the module, and own step sizes of queries, keys and values",
    weights=lsq.WEIGHTS,
    activations=lsq.ACTIVATIONS,
    conflict=lsq.bins_conflict,
    learns=True,
    splits_attention=True,
)
