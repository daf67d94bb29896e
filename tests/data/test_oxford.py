"""Flowers-102 and Pets from small made-up folders in torchvision's layouts."""

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from sweep import data
from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.run import DataSource
from sweep.data.oxford import dataset as oxford
from sweep.data.vision import torchvision

NOWHERE = "http://127.0.0.1:1/"
SIDE = 8
Kind = str


def source(folder: Path, kind: Kind = "flowers102", image_size: int | None = SIDE) -> DataSource:
    return DataSource(kind, f"{kind}_{image_size}", str(folder), image_size=image_size)


def set_sizes(patch: pytest.MonkeyPatch, kind: Kind, train: int, test: int) -> None:
    part = next(part for part in oxford.PARTS if part.name == kind)
    facts = DataFacts(train, test, 3, SIDE, SIDE, 2)
    patch.setattr(oxford, "PARTS", (replace(part, facts=facts),))


def colour(number: int) -> tuple[int, int, int]:
    """Of image `number`, such that JPEG keeps it to within 2."""
    return 20 * number, 255 - 20 * number, 100


def write_image(path: Path, number: int) -> None:
    """Wider than high, with a black frame at both sides that the middle square leaves out."""
    image = np.zeros((16, 48, 3), np.uint8)
    image[:, 16:32] = colour(number)
    Image.fromarray(image).save(path, quality=100, subsampling=0)


def write_flowers(folder: Path, patch: pytest.MonkeyPatch) -> None:
    """Images 1 to 6: 1 and 4 for training, 2 for validation, 3, 5 and 6 for testing; labels from 1 in the files."""
    dataset: Any = torchvision.datasets.Flowers102
    base = folder / "flowers-102"
    (base / "jpg").mkdir(parents=True)
    for number in range(1, 7):
        write_image(base / "jpg" / f"image_{number:05d}.jpg", number)
    savemat(base / "imagelabels.mat", {"labels": np.array([[1, 2, 1, 102, 2, 1]])})
    savemat(base / "setid.mat", {"trnid": [[1, 4]], "valid": [[2, 2]], "tstid": [[3, 5, 6]]})
    files = {"label": "imagelabels.mat", "setid": "setid.mat"}
    sums = {key: (name, hashlib.md5((base / name).read_bytes()).hexdigest()) for key, name in files.items()}
    patch.setattr(dataset, "_file_dict", dataset._file_dict | sums)
    set_sizes(patch, "flowers102", 4, 3)


def write_pets(folder: Path, patch: pytest.MonkeyPatch) -> None:
    base = folder / "oxford-iiit-pet"
    (base / "images").mkdir(parents=True)
    (base / "annotations").mkdir()
    names = {1: "Abyssinian_1", 2: "basset_hound_7", 3: "Abyssinian_2"}
    for number, name in names.items():
        write_image(base / "images" / f"{name}.jpg", number)
    (base / "annotations" / "trainval.txt").write_text("Abyssinian_1 1 1 1\nbasset_hound_7 2 2 1\n")
    (base / "annotations" / "test.txt").write_text("Abyssinian_2 1 1 1\n")
    set_sizes(patch, "pets", 2, 1)


WRITE = {"flowers102": write_flowers, "pets": write_pets}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torchvision.datasets.Flowers102, "_download_url_prefix", NOWHERE)
    monkeypatch.setattr(torchvision.datasets.OxfordIIITPet, "_RESOURCES", ((NOWHERE + "images.tar.gz", "0"),))


def loaded(made: DataSource, cache_dir: Path) -> data.ImageArrays:
    data.prepare(made, cache_dir)
    return data.load(made, cache_dir)


def assert_colours(images: np.ndarray[Any, Any], numbers: list[int]) -> None:
    expected = np.array([colour(number) for number in numbers])[:, None, None]
    assert images.dtype == np.uint8 and images.shape == (len(numbers), SIDE, SIDE, 3)
    assert np.abs(images.astype(int) - expected)[:, :, 1:-1].max() <= 2  # JPEG blurs the edge to the frame


def test_flowers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_flowers(tmp_path, monkeypatch)
    arrays = loaded(source(tmp_path), tmp_path / "cache")
    assert_colours(arrays.train_images, [1, 4, 2, 2])  # the training split, then the validation split
    assert_colours(arrays.test_images, [3, 5, 6])
    assert arrays.train_labels.tolist() == [0, 101, 1, 1] and arrays.test_labels.tolist() == [0, 1, 0]
    assert len(arrays.class_names) == 102 and arrays.class_names[0] == "pink primrose"


def test_pets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pets(tmp_path, monkeypatch)
    arrays = loaded(source(tmp_path, "pets"), tmp_path / "cache")
    assert_colours(arrays.train_images, [1, 2])
    assert_colours(arrays.test_images, [3])
    assert arrays.train_labels.tolist() == [0, 1] and arrays.test_labels.tolist() == [0]
    assert arrays.class_names == ("Abyssinian", "Basset Hound")


@pytest.mark.parametrize("kind", WRITE)
def test_images_are_read_once_per_size(kind: Kind, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    WRITE[kind](tmp_path, monkeypatch)
    first = loaded(source(tmp_path, kind), tmp_path / "cache")
    smaller = loaded(source(tmp_path, kind, image_size=4), tmp_path / "cache")
    assert smaller.train_images.shape[1:] == (4, 4, 3)
    read: list[DataSource] = []
    monkeypatch.setattr(oxford, "_read", read.append)
    np.testing.assert_array_equal(loaded(source(tmp_path, kind), tmp_path / "cache").train_images, first.train_images)
    assert read == []


@pytest.mark.parametrize(("kind", "sizes"), [("flowers102", (2040, 6149, 102)), ("pets", (3680, 3669, 37))])
def test_they_are_described_without_files(kind: Kind, sizes: tuple[int, int, int], tmp_path: Path) -> None:
    facts = data.describe(source(tmp_path, kind, image_size=224))
    assert (facts.train_size, facts.test_size, facts.classes) == sizes
    assert (facts.channels, facts.height, facts.width) == (3, 224, 224)


@pytest.mark.parametrize("kind", WRITE)
def test_without_files_and_network_the_error_says_what_to_do(kind: Kind, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=rf"data_source={kind}: the files are not in data_dir=.*cannot be downl"):
        data.prepare(source(tmp_path, kind), tmp_path / "cache")


def test_a_split_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pets(tmp_path, monkeypatch)
    (tmp_path / "oxford-iiit-pet" / "annotations" / "test.txt").unlink()
    with pytest.raises(
        ConfigError, match=r"data_source=pets: the files are not in .*test.txt.*folder for OxfordIIITPet"
    ):
        data.prepare(source(tmp_path, "pets"), tmp_path / "cache")


def test_images_that_are_missing_or_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pets(tmp_path, monkeypatch)
    image = tmp_path / "oxford-iiit-pet" / "images" / "Abyssinian_2.jpg"
    image.write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"cannot read an image of pets .*Abyssinian_2.jpg"):
        data.prepare(source(tmp_path, "pets"), tmp_path / "cache")
    set_sizes(monkeypatch, "pets", 2, 5)
    with pytest.raises(ConfigError, match=": 1 images where pets has 5"):
        data.prepare(source(tmp_path, "pets"), tmp_path / "cache")
    assert not (tmp_path / "cache").exists() or not list((tmp_path / "cache").iterdir())


def test_a_size_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="image_size=0: allowed is a whole number from 1 up"):
        data.describe(source(tmp_path, image_size=0))
    with pytest.raises(ConfigError, match="image_size=None: allowed is a whole number from 1 up"):
        data.describe(source(tmp_path, image_size=None))
