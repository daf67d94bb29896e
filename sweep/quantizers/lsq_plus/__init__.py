"""LSQ+ (Bhalgat et al. 2020): LSQ with an offset for activations, and other initial values."""

from sweep.config.kinds import Quantizer
from sweep.quantizers import lsq

PART = Quantizer(
    "lsq_plus",
    "LSQ with a learned offset of activations, and other initial values",
    weights=lsq.WEIGHTS,
    activations=lsq.ACTIVATIONS,
    conflict=lsq.bins_conflict,
    learns=True,
    learns_step_sizes=True,
)
