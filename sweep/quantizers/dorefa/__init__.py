"""DoReFa weights (Zhou et al. 2016)."""

from sweep.config.part_classes import Quantizer

PART = Quantizer(
    "dorefa",
    "weights through tanh to 2^bits levels from -1 to 1",
    weights=(),
    printed=("DoReFa", "DoReFa-Net"),
)
