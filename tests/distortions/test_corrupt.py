"""Single corrupted images: reproducible by their index, as strong on small images as on large ones."""

from typing import Any

import imagecorruptions
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sweep.config.checks import ConfigError
from sweep.config.distorting import CORRUPTIONS, Distortion
from sweep.distortions import corrupt
from sweep.distortions.corrupt import constants, corrupted_image, enlargement

PLAIN = ("defocus_blur", "zoom_blur", "brightness", "contrast", "pixelate", "jpeg_compression", "gaussian_blur")
RANDOM = tuple(name for name in CORRUPTIONS if name not in (*PLAIN, "saturate"))


def image(side: int, channels: int, seed: int = 0) -> Any:
    """Smooth with noise, so that every corruption has something to change."""
    rng = np.random.default_rng(seed)
    ramp = np.linspace(60, 180, side)[:, None, None] + np.linspace(0, 40, side)[None, :, None]
    return (ramp + rng.uniform(-20, 20, (side, side, channels))).astype(np.uint8)


@pytest.mark.parametrize("name", CORRUPTIONS)
@pytest.mark.parametrize(("side", "channels"), [(8, 1), (32, 3)])
def test_an_image_depends_on_its_index_alone(name: str, side: int, channels: int) -> None:
    clean = image(side, channels)
    for severity in (1, 5):
        distortion = Distortion(name, severity)
        first = corrupted_image(clean, distortion, 7)
        assert first.shape == clean.shape and first.dtype == np.uint8
        np.random.seed(3)
        corrupted_image(clean, distortion, 8)
        np.random.seed(4)
        assert (corrupted_image(clean, distortion, 7) == first).all()
        assert (first != clean).any() or (name, severity, channels) == ("saturate", 1, 1)  # grey has no saturation


@pytest.mark.parametrize("name", RANDOM)
def test_other_indices_and_seeds_are_other_draws(name: str) -> None:
    clean = image(32, 3)
    drawn = [corrupted_image(clean, Distortion(name, 4, seed), index) for seed, index in ((0, 1), (0, 2), (1, 1))]
    assert all((drawn[a] != drawn[b]).any() for a, b in ((0, 1), (0, 2)))


@pytest.mark.parametrize("name", PLAIN)
def test_what_draws_nothing_is_the_package_s_own(name: str) -> None:
    clean = image(32, 3)
    assert (corrupted_image(clean, Distortion(name, 3, 5), 9) == imagecorruptions.corrupt(clean, 3, name)).all()


@given(side=st.sampled_from([8, 16, 20, 32]), seed=st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_contrast_and_brightness_of_grey_images_are_the_formula_at_any_size(side: int, seed: int) -> None:
    """Hendrycks' constants for ImageNet at severity 3: contrast 0.2, brightness + 0.3; results are truncated."""
    clean = image(side, 1, seed)
    pixels = clean.astype(np.float64) / 255
    less = (pixels - pixels.mean()) * 0.2 + pixels.mean()
    assert np.abs(corrupted_image(clean, Distortion("contrast", 3), 0) - np.floor(255 * less)).max() <= 1
    bright = np.clip(pixels + 0.3, 0, 1)
    assert np.abs(corrupted_image(clean, Distortion("brightness", 3), 0) - np.floor(255 * bright)).max() <= 1


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (16, 1), (32, 3)])
def test_noise_is_as_strong_on_small_and_on_grey_images(side: int, channels: int) -> None:
    """0.12 of the range at severity 2; a mean over channels or blocks would weaken it."""
    clean = np.full((side, side, channels), 128, np.uint8)
    noise = [corrupted_image(clean, Distortion("gaussian_noise", 2), i).astype(float) - 128 for i in range(60)]
    assert np.std(noise) == pytest.approx(0.12 * 255, rel=0.03)


def test_scale_by_size() -> None:
    sides = (1, 8, 15, 16, 28, 31, 32, 224)
    assert [enlargement("fog", side, side) for side in sides] == [32, 4, 3, 2, 2, 2, 1, 1]
    assert enlargement("pixelate", 8, 8) == 1
    assert constants(32, 40) == "imagenet-c" and constants(40, 8) == "imagenet-c at 4 times the side, pixelate at 1"


def test_pixelate_has_the_image_s_own_pixels() -> None:
    """A quarter of the side at severity 5: the mean of blocks of 4 x 4."""
    clean = image(8, 1)
    blocks = clean.reshape(2, 4, 2, 4).mean(axis=(1, 3))
    assert np.abs(corrupted_image(clean, Distortion("pixelate", 5), 0)[::4, ::4, 0] - blocks).max() <= 0.5


def test_spatter_without_a_drop_leaves_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """The package divides by the largest drop: on small images there may be none."""

    def no_drop(image: Any, severity: int) -> Any:
        return np.float64(0) / np.float64(0)

    for name in ("spatter", "fog"):
        monkeypatch.setitem(imagecorruptions.corruption_dict, name, no_drop)
    for channels in (1, 3):
        clean = image(32, channels)
        assert (corrupted_image(clean, Distortion("spatter", 1), 0) == clean).all()
    with pytest.raises(FloatingPointError):
        corrupted_image(image(32, 3), Distortion("fog", 1), 0)


def test_a_machine_without_opencv_s_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def without_libraries() -> None:
        raise ImportError("libGL.so.1: cannot open shared object file")

    monkeypatch.setattr(corrupt, "_functions", without_libraries)
    with pytest.raises(ConfigError, match=r"OpenCV does not load \(libGL.so.1: .*apt-get install libgl1"):
        corrupt.check_package()
