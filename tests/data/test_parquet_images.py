"""Parquet files in the Hugging Face image layout: what is read, and what is refused."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from sweep import data
from sweep.config.checks import ConfigError
from sweep.config.run import DataSource
from sweep.data.parquet_images import dataset as parquet_images

FEATURES = {"img": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["cat", "dog", "owl"]}}


def encode(image: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, "PNG")
    return stream.getvalue()


def write_split(
    path: Path, images: list[bytes], labels: list[int], features: dict[str, Any] | None = None, label: str = "label"
) -> None:
    table = pa.table({"img": [{"bytes": image, "path": None} for image in images], label: labels})
    if features:
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path)


def random_images(count: int, shape: tuple[int, ...] = (6, 5, 3)) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).integers(0, 256, (count, *shape), dtype=np.uint8)


def write_pair(folder: Path, shape: tuple[int, ...] = (6, 5, 3), features: Any = FEATURES) -> np.ndarray[Any, Any]:
    images = random_images(10, shape)
    encoded = [encode(image) for image in images]
    write_split(folder / "train-00000-of-00002.parquet", encoded[:4], [0, 1, 2, 0], features)
    write_split(folder / "train-00001-of-00002.parquet", encoded[4:7], [1, 1, 2], features)
    write_split(folder / "test-00000-of-00001.parquet", encoded[7:], [2, 0, 1], features)
    return images


def source(folder: Path, **changes: Any) -> DataSource:
    return DataSource(**{"loader": "parquet_images", "name": "birds", "directory": str(folder), **changes})


def test_images_labels_and_class_names(tmp_path: Path) -> None:
    images = write_pair(tmp_path)
    birds = source(tmp_path)
    facts = data.describe(birds)
    assert (facts.train_size, facts.test_size, facts.classes) == (7, 3, 3)
    assert (facts.height, facts.width, facts.channels) == (6, 5, 3)
    data.prepare(birds, tmp_path / "cache")
    arrays = data.load(birds, tmp_path / "cache")
    np.testing.assert_array_equal(arrays.train_images, images[:7])
    np.testing.assert_array_equal(arrays.test_images, images[7:])
    assert arrays.train_labels.tolist() == [0, 1, 2, 0, 1, 1, 2]
    assert arrays.test_labels.tolist() == [2, 0, 1]
    assert arrays.class_names == ("cat", "dog", "owl")


def test_grey_images_have_one_channel_and_names_may_be_missing(tmp_path: Path) -> None:
    write_pair(tmp_path, (6, 5), features=None)
    data.prepare(source(tmp_path), tmp_path / "cache")
    arrays = data.load(source(tmp_path), tmp_path / "cache")
    assert arrays.train_images.shape == (7, 6, 5, 1)
    assert arrays.class_names == ("0", "1", "2")


def test_images_are_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path)
    data.prepare(source(tmp_path), tmp_path / "cache")
    decoded: list[DataSource] = []
    monkeypatch.setattr(parquet_images, "_read", decoded.append)
    data.prepare(source(tmp_path), tmp_path / "cache")
    assert decoded == []


def test_other_content_is_another_data_set(tmp_path: Path) -> None:
    write_pair(tmp_path)
    before = data.describe(source(tmp_path)).sha256
    assert data.describe(source(tmp_path)).sha256 == before
    write_split(tmp_path / "test-00000-of-00001.parquet", [encode(random_images(1)[0])], [0], FEATURES)
    assert data.describe(source(tmp_path)).sha256 != before


def test_of_several_label_columns_one_must_be_chosen(tmp_path: Path) -> None:
    images = [encode(image) for image in random_images(3)]
    features = {"fine": {"_type": "ClassLabel", "names": ["a", "b", "c"]}, "coarse": {"_type": "ClassLabel"}}
    for split in ("train", "test"):
        write_split(tmp_path / f"{split}.parquet", images, [0, 1, 2], features, label="fine")
    with pytest.raises(ConfigError, match=r"label_column=None: give one of fine \(found: fine, coarse\)"):
        data.describe(source(tmp_path))
    chosen = data.describe(source(tmp_path, label_column="fine"))
    assert chosen.classes == 3


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no train-\*.parquet or train.parquet there; .* both splits"):
        data.describe(source(tmp_path))


def test_no_image_column(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / "train.parquet")
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), tmp_path / "test.parquet")
    with pytest.raises(ConfigError, match=r"one column with encoded images .* the files have none among text, label"):
        data.describe(source(tmp_path))


def test_images_of_different_sizes(tmp_path: Path) -> None:
    write_pair(tmp_path)
    odd = [encode(random_images(1)[0]), encode(random_images(1, (7, 5, 3))[0])]
    write_split(tmp_path / "train-00001-of-00002.parquet", odd, [0, 1], FEATURES)
    with pytest.raises(
        ConfigError, match=r"00001-of-00002.parquet, row 1: image of shape \(7, 5, 3\), others \(6, 5, 3\)"
    ):
        data.prepare(source(tmp_path), tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_no_image(tmp_path: Path) -> None:
    write_pair(tmp_path)
    write_split(tmp_path / "train-00000-of-00002.parquet", [b"no image"], [0], FEATURES)
    with pytest.raises(ConfigError, match=r"00000-of-00002.parquet, row 0: not an image"):
        data.describe(source(tmp_path))


def test_labels_that_cannot_be(tmp_path: Path) -> None:
    write_pair(tmp_path)
    images = [encode(image) for image in random_images(2)]
    write_split(tmp_path / "train-00000-of-00002.parquet", images, [0, 3], FEATURES)
    with pytest.raises(ConfigError, match="train files: label 3 is beyond the 3 classes"):
        data.prepare(source(tmp_path), tmp_path / "cache")
    write_split(tmp_path / "train-00000-of-00002.parquet", images, [0, -1], FEATURES)
    with pytest.raises(ConfigError, match="label_column=label: whole numbers from 0 are needed"):
        data.describe(source(tmp_path))


def test_names_of_other_data_sets_are_taken(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="dataset_name=cifar10 is the name of another data set"):
        data.describe(source(tmp_path, name="cifar10"))


def test_unknown_source(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match="data_source=webdataset: allowed are cifar10, cifar100, digits, flowers102, image_f"
    ):
        data.describe(source(tmp_path, loader="webdataset"))
