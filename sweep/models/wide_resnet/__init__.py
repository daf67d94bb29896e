"""Wide residual network (Zagoruyko & Komodakis 2016), with biases and without dropout."""

from sweep.config.networks import DEPTH, WIDTH, Network
from sweep.config.parts import Values

SMALLEST, STEP = 10, 6  # layers: three stages have (depth - 4) / 6 blocks each


def _depth_conflict(values: Values) -> str | None:
    depth = values["depth"]
    if depth >= SMALLEST and (depth - SMALLEST) % STEP == 0:
        return None
    return f"depth={depth}: wide_resnet can have {SMALLEST}, {SMALLEST + STEP} and so on, in steps of {STEP}"


PART = Network(
    name="wide_resnet",
    meaning="WRN-depth-width, for CIFAR; depth is 10, 16, 22, 28 and so on",
    reads=(WIDTH, DEPTH),
    conflict=_depth_conflict,
    printed=("WideResNet",),
    printed_sizes="{depth}-{width}",
)
