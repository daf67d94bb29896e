"""One corrupted image from a clean one, by imagecorruptions, whose strengths per severity are those of ImageNet-C.

These are fixed numbers made for 224 x 224; of all 19 corruptions only elastic_transform scales with the image. On
32 x 32 they are stronger than those that CIFAR-10-C was made with (gaussian_noise: 0.08 to 0.38 of the range there,
0.04 to 0.10 in CIFAR-10-C).
"""

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from typing import Any

import numpy as np
from PIL import Image

from sweep.config.checks import ConfigError
from sweep.config.distorting import Distortion
from sweep.data.arrays import Images

PACKAGE = "imagecorruptions-imaug"
LEAST_SIDE = 32  # pixels, what the package is made for
_TAKE_A_SEED = ("impulse_noise", "glass_blur")  # the others draw from numpy's global generator


def package_version() -> str:
    return f"{PACKAGE} {metadata.version(PACKAGE)}"


def enlargement(corruption: str, height: int, width: int) -> int:
    """Returns by what factor small images are enlarged before they are corrupted; pixelate would only undo it."""
    return 1 if corruption == "pixelate" else -(-LEAST_SIDE // min(height, width, LEAST_SIDE))


def constants(height: int, width: int) -> str:
    """Whose strengths images of this size get, and at which scale."""
    times = enlargement("all but pixelate", height, width)
    return "imagenet-c" if times == 1 else f"imagenet-c at {times} times the side, pixelate at 1"


def image_seed(distortion: Distortion, index: int) -> int:
    """Returns the seed of the image that is `index`-th in its test set: whoever draws it, in whatever order."""
    key = f"{distortion.seed} {distortion.corruption} {distortion.severity} {index}"
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "little")


def corrupted_image(image: Images, distortion: Distortion, index: int) -> Images:
    """Returns `image` (H, W, C) corrupted, of the same shape.

    Small images are corrupted with every pixel repeated, and one pixel of each block is kept: noise and colours are
    as strong as on large images, blurs, weather and compression act on a grid so many times finer. Of grey images,
    which are corrupted in colour, the green channel is kept: a mean would weaken the noise.
    """
    times = enlargement(distortion.corruption, *image.shape[:2])
    large = image.repeat(times, axis=0).repeat(times, axis=1)
    corrupted = _corrupted(large, distortion, image_seed(distortion, index))[times // 2 :: times, times // 2 :: times]
    return corrupted if image.shape[2] == 3 else corrupted[..., 1:2]


def check_package() -> None:
    """Raises `ConfigError` where the package does not load."""
    try:
        _functions()
    except ImportError as error:
        raise ConfigError(
            f"images cannot be corrupted here: OpenCV does not load ({error}). On Debian, apt-get install libgl1 "
            f"libglib2.0-0; without root, pip uninstall opencv-python and pip install opencv-python-headless"
        ) from error


@cache
def _functions() -> Mapping[str, Callable[..., Any]]:
    """By name; the package's `corrupt` around them refuses sides below 32."""
    import cv2
    from imagecorruptions import corruption_dict

    cv2.setNumThreads(1)  # there is a process per core
    functions: Mapping[str, Callable[..., Any]] = corruption_dict
    return functions


def _corrupted(image: Images, distortion: Distortion, seed: int) -> Images:
    """(H, W, 3)."""
    np.random.seed(seed)  # the package's generator
    name, colour = distortion.corruption, image.repeat(3 // image.shape[2], axis=2)
    own_seed = {"seed": seed} if name in _TAKE_A_SEED else {}
    try:
        with np.errstate(invalid="raise"):
            found = _functions()[name](Image.fromarray(colour), distortion.severity, **own_seed)
        return np.asarray(found).astype(np.uint8)  # truncated, as the published images
    except FloatingPointError:
        if name != "spatter":
            raise
        return colour  # 0 / 0: no drop fell on a small image
