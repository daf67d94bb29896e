"""Which corruption of the test images: every value that decides the images, checked once, and its id.

Nothing here imports torch or the package that corrupts: evaluations are planned where nothing is computed.
"""

import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from sweep.config.checks import ConfigError, allowed, check_integer, did_you_mean
from sweep.config.parts import Part

# Hendrycks & Dietterich 2019: the 15 of the benchmark, and the 4 that they keep for validation. QReg takes all 19.
COMMON = (
    "gaussian_noise", "shot_noise", "impulse_noise", "defocus_blur", "glass_blur", "motion_blur", "zoom_blur", "snow",
    "frost", "fog", "brightness", "contrast", "elastic_transform", "pixelate", "jpeg_compression",
)  # fmt: skip
EXTRA = ("speckle_noise", "gaussian_blur", "spatter", "saturate")
CORRUPTIONS = (*COMMON, *EXTRA)
SETS = {"all": CORRUPTIONS, "common": COMMON, "extra": EXTRA}
SEVERITIES = (1, 2, 3, 4, 5)
GENERATED, CIFAR_C, IMAGENET_C = "generated", "cifar-c", "imagenet-c"
SOURCES = (GENERATED, CIFAR_C, IMAGENET_C)


@dataclass(frozen=True, slots=True, order=True)
class Distortion:
    """The test images under one corruption. Published images have seed 0: they were drawn once."""

    corruption: str
    severity: int
    seed: int = 0
    source: str = GENERATED
    directory: str = field(default="", compare=False)  # of published images; not part of what they are

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts that make or find the images."""
        return ()

    @property
    def unknown_parts(self) -> tuple[str, ...]:
        """None: corruptions are no parts."""
        return ()

    @property
    def options_id(self) -> str:
        """Returns the sha256 of what the images are, in hexadecimal, as other ids."""
        canonical = json.dumps([self.corruption, self.severity, self.seed, self.source])
        return hashlib.sha256(canonical.encode()).hexdigest()


def make_distortions(
    corruptions: Sequence[object], severities: Sequence[object], seeds: Sequence[object], source: str, directory: str
) -> list[Distortion]:
    """Every corruption at every severity and seed, each once; raises `ConfigError`."""
    names = [name for asked in corruptions for name in _corruptions_of(asked)]
    levels = [check_integer("severity", level, SEVERITIES[0], SEVERITIES[-1]) for level in severities]
    drawn = [check_integer("corruption_seed", seed, 0, 2**31 - 1) for seed in seeds]
    drawn = drawn if source == GENERATED else [0]
    points = itertools.product(names, levels, drawn)
    return list(dict.fromkeys(Distortion(*point, source, directory) for point in points))


def _corruptions_of(asked: object) -> tuple[str, ...]:
    name, known = str(asked), (*CORRUPTIONS, *SETS)
    if name not in known:
        raise ConfigError(f"corruption={name}: allowed are {allowed(known)}{did_you_mean(name, known)}")
    return SETS.get(name, (name,))
