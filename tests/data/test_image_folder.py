"""Image files in folders of their classes: what is read, and what is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from sweep import data
from sweep.config.checks import ConfigError
from sweep.config.run import DataSource
from sweep.data.image_folder import dataset as image_folder
from sweep.data.vision import torchvision

SIDE = 6


def source(folder: Path, image_size: int = SIDE) -> DataSource:
    return DataSource("image_folder", f"birds_{image_size}", str(folder), image_size=image_size)


def write_images(folder: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Of the size that they are read in, so that no pixel changes; by path."""
    names = ["train/owl/2.png", "train/owl/10.PNG", "train/cat/1.png", "val/cat/5.png", "val/owl/4.png"]
    generator = np.random.default_rng(0)
    images = {name: generator.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8) for name in names}
    for name, image in images.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    (folder / "train" / "owl" / "list.txt").write_text("no image")
    return images


def loaded(made: DataSource, cache_dir: Path) -> data.ImageArrays:
    data.prepare(made, cache_dir)
    return data.load(made, cache_dir)


def test_images_labels_and_class_names(tmp_path: Path) -> None:
    images = write_images(tmp_path)
    arrays = loaded(source(tmp_path), tmp_path / "cache")
    train = [images[name] for name in ("train/cat/1.png", "train/owl/10.PNG", "train/owl/2.png")]
    np.testing.assert_array_equal(arrays.train_images, train)
    np.testing.assert_array_equal(arrays.test_images, [images["val/cat/5.png"], images["val/owl/4.png"]])
    assert arrays.train_labels.tolist() == [0, 1, 1] and arrays.test_labels.tolist() == [0, 1]
    assert arrays.class_names == ("cat", "owl")
    facts = data.describe(source(tmp_path))
    assert (facts.train_size, facts.test_size, facts.classes) == (3, 2, 2)
    assert (facts.channels, facts.height, facts.width) == (3, SIDE, SIDE)


def test_the_files_and_labels_are_torchvisions(tmp_path: Path) -> None:
    write_images(tmp_path)
    classes, train, _ = image_folder._listing(source(tmp_path))
    folder = torchvision.datasets.ImageFolder(tmp_path / "train")
    assert [(str(file.path), file.label) for file in train] == folder.samples
    assert list(classes) == folder.classes


def test_grey_and_oblong_images_become_colour_squares(tmp_path: Path) -> None:
    write_images(tmp_path)
    frame = np.zeros((SIDE, 3 * SIDE), np.uint8)
    frame[:, SIDE : 2 * SIDE] = 200
    Image.fromarray(frame).save(tmp_path / "train" / "cat" / "1.png")
    arrays = loaded(source(tmp_path), tmp_path / "cache")
    np.testing.assert_array_equal(arrays.train_images[0], np.full((SIDE, SIDE, 3), 200))


def test_other_files_and_other_sizes_are_other_data_sets(tmp_path: Path) -> None:
    write_images(tmp_path)
    before = data.describe(source(tmp_path)).sha256
    assert data.describe(source(tmp_path)).sha256 == before
    assert data.describe(source(tmp_path, image_size=8)).sha256 != before
    (tmp_path / "val" / "owl" / "4.png").rename(tmp_path / "val" / "owl" / "7.png")
    assert data.describe(source(tmp_path)).sha256 != before


def test_a_split_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folders train/<class> there; .* both train and val"):
        data.describe(source(tmp_path))
    (tmp_path / "train" / "cat").mkdir(parents=True)
    with pytest.raises(ConfigError, match=r"no folders val/<class> there"):
        data.describe(source(tmp_path))


def test_classes_that_only_one_split_has(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "val" / "dog").mkdir()
    with pytest.raises(ConfigError, match="folders for the same classes, 1 are in one alone, such as dog"):
        data.describe(source(tmp_path))


def test_a_class_without_images(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "val" / "cat" / "5.png").unlink()
    with pytest.raises(ConfigError, match=r"val/cat: no image there; files end in .bmp, .jpeg, .jpg"):
        data.describe(source(tmp_path))


def test_what_is_no_image(tmp_path: Path) -> None:
    write_images(tmp_path)
    (tmp_path / "train" / "cat" / "1.png").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"train/cat/1.png: not an image"):
        data.prepare(source(tmp_path), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
