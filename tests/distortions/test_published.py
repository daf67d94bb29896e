"""The published files: found, checked against the data set, and read."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sweep.config.checks import ConfigError
from sweep.config.distorting import Distortion
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data import describe
from sweep.data.arrays import ImageArrays
from sweep.distortions.images import CorruptedImages
from sweep.distortions.published import check_cifar_labels, check_classes, check_files, source_in
from tests.conftest import DIGITS

FACTS = DataFacts(1442, 355, 1, 8, 8, 10)
PHOTOS = DataFacts(4, 4, 3, 8, 8, 2)


@pytest.fixture
def cifar(tmp_path: Path, digit_arrays: ImageArrays) -> Path:
    """The digits in CIFAR-C's files: severity s is the clean images less s."""
    images = np.concatenate([digit_arrays.test_images - np.uint8(severity) for severity in range(1, 6)])
    np.save(tmp_path / "fog.npy", images)
    np.save(tmp_path / "labels.npy", np.tile(digit_arrays.test_labels, 5))
    return tmp_path


def in_cifar(folder: Path, severity: int = 3, corruption: str = "fog") -> Distortion:
    return Distortion(corruption, severity, 0, "cifar-c", str(folder))


@pytest.mark.parametrize("subset", [0, 20])
def test_cifar_c_is_cut_by_severity_and_subset(cifar: Path, digit_arrays: ImageArrays, subset: int) -> None:
    from sweep.data.device import subset_index

    images = CorruptedImages(DIGITS, subset, "", decoded=False)
    assert source_in(str(cifar)) == "cifar-c"
    check_files([in_cifar(cifar)], FACTS, "digits")
    images.prepare([in_cifar(cifar)], cifar / "cache", 1, lambda count: None)
    expected = (digit_arrays.test_images - np.uint8(3))[subset_index(355, subset)]
    assert (images.load(in_cifar(cifar), cifar / "cache") == expected).all()
    assert images.missing([in_cifar(cifar)], cifar) == [] and not (cifar / "cache").exists()


def test_a_cifar_c_file_of_the_wrong_length_or_kind(cifar: Path) -> None:
    np.save(cifar / "frost.npy", np.zeros((5 * 355 - 1, 8, 8, 1), np.uint8))
    np.save(cifar / "snow.npy", np.zeros((5 * 355, 8, 8, 1), np.float32))
    (cifar / "contrast.npy").write_text("not an array")
    for name, message in (
        ("frost", "frost.npy: uint8 of shape (1774, 8, 8, 1); for digits uint8 of shape (1775, 8, 8, 1) is needed"),
        ("snow", "snow.npy: float32 of shape"),
        ("contrast", "contrast.npy: not an array of numpy"),
        ("spatter", "spatter.npy: not there; leave out corruption=spatter"),
    ):
        with pytest.raises(ConfigError, match=re.escape(message)):
            check_files([in_cifar(cifar, corruption=name)], FACTS, "digits")


def test_cifar_c_of_other_images_is_told_by_its_labels(cifar: Path, digit_arrays: ImageArrays) -> None:
    check_cifar_labels(str(cifar), digit_arrays.test_labels, "digits")
    with pytest.raises(ConfigError, match=r"labels.npy: not the labels of digits's 355 test images five times"):
        check_cifar_labels(str(cifar), digit_arrays.test_labels[::-1], "digits")
    (cifar / "labels.npy").unlink()
    with pytest.raises(ConfigError, match=r"labels.npy: not there"):
        check_cifar_labels(str(cifar), digit_arrays.test_labels, "digits")


@pytest.fixture
def photos(tmp_path: Path) -> DataSource:
    """Two classes of two images each in train and val, and in ImageNet-C's fog at severity 2, under its archive."""
    for number, (folder, name, stem) in enumerate(
        (folder, name, stem)
        for folder in ("train", "val", "c/weather/fog/2")
        for name in ("cat", "dog")
        for stem in ("1", "2")
    ):
        (tmp_path / folder / name).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 16), (10 * number, 0, 0)).save(tmp_path / folder / name / f"{stem}.png")
    return DataSource("image_folder", "photos", str(tmp_path), None, 8)


def in_imagenet(photos: DataSource, severity: int = 2, corruption: str = "fog") -> Distortion:
    return Distortion(corruption, severity, 0, "imagenet-c", f"{photos.directory}/c")


def test_imagenet_c_is_read_as_the_clean_images_are(photos: DataSource, tmp_path: Path) -> None:
    assert source_in(f"{photos.directory}/c") == "imagenet-c"
    facts = describe(photos)
    check_files([in_imagenet(photos)], facts, "photos")
    images = CorruptedImages(photos, 0, facts.sha256, decoded=False)
    images.prepare([in_imagenet(photos)], tmp_path / "cache", 1, lambda count: None)
    loaded = images.load(in_imagenet(photos), tmp_path / "cache")
    assert loaded.shape == (4, 8, 8, 3) and loaded[:, 0, 0, 0].tolist() == [80, 90, 100, 110]


def test_imagenet_c_with_other_classes_or_counts(photos: DataSource) -> None:
    folder = Path(photos.directory) / "c/weather/fog/2"
    labels = np.array([0, 0, 1, 1])
    names = ("cat", "dog")
    check_classes([in_imagenet(photos)], labels, names, "photos")
    (folder / "dog" / "2.png").unlink()
    with pytest.raises(ConfigError, match=r"fog/2/dog: 1 images, where photos has 2 test images"):
        check_classes([in_imagenet(photos)], labels, names, "photos")
    (folder / "bird").mkdir()
    with pytest.raises(ConfigError, match=r"every class of photos and no other; 1 are in one alone, such as bird"):
        check_classes([in_imagenet(photos)], labels, names, "photos")


def test_imagenet_c_without_what_is_asked_for(photos: DataSource) -> None:
    for distortion, name in ((in_imagenet(photos, 3), "fog/3"), (in_imagenet(photos, 2, "snow"), "snow/2")):
        with pytest.raises(ConfigError, match=f"no folder {name} there; leave it out"):
            check_files([distortion], PHOTOS, "photos")
    with pytest.raises(ConfigError, match=r"square and coloured, those of digits are 8 x 8 with 1 channels"):
        check_files([in_imagenet(photos)], FACTS, "digits")


def test_directories_that_hold_neither(tmp_path: Path) -> None:
    assert source_in(None) == "generated"
    with pytest.raises(ConfigError, match=r"corruption_dir=.*nowhere: no such directory; leave it out to generate"):
        source_in(str(tmp_path / "nowhere"))
    with pytest.raises(ConfigError, match=r"neither CIFAR-C's files there, such as gaussian_noise.npy, nor"):
        source_in(str(tmp_path))
