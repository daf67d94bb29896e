"""VVTQ's quantizers for vision transformers (Huang et al. 2023): LSQ with step gradients that depend on the module."""

from sweep.quantizers.lsq import like_lsq

PART = like_lsq(
    "vvtq",
    "LSQ with step gradients that depend on the module, and own step sizes of queries, keys and values",
    printed=("VVTQ",),
    splits_attention=True,
)
