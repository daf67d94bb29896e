"""LSQ+ (Bhalgat et al. 2020): LSQ with an offset for activations, and other initial values."""

from sweep.quantizers.lsq import like_lsq

PART = like_lsq(
    "lsq_plus",
    "LSQ with a learned offset of activations, and other initial values",
    printed=("LSQ+",),
    learns_step_sizes=True,
)
