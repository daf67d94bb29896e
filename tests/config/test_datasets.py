"""What data sets are called, and what is known of them without their images."""

from pathlib import Path

import pytest
import yaml

from sweep import PROJECT, data
from sweep.config.checks import ConfigError
from sweep.config.datasets import data_sets, printed_name, published_name
from sweep.config.run import DataSource


@pytest.mark.parametrize(
    ("in_rows", "published", "printed"),
    [
        ("cifar10", "CIFAR-10", "CIFAR-10"),
        ("imagenet_224", "ImageNet", "ImageNet"),
        ("imagenet_64", None, "ImageNet at 64 x 64"),
        ("flowers102_224", "Oxford Flowers-102", "Oxford Flowers-102"),
        ("pets_32", None, "Oxford-IIIT Pets at 32 x 32"),
        ("digits", None, "digits"),
        ("cifar10_64", None, "cifar10_64"),  # the user's: ours has one size
        ("imagenet", None, "imagenet"),  # the user's: ours has its size in its name
        ("photos_224", None, "photos_224"),
    ],
)
def test_names(in_rows: str, published: str | None, printed: str) -> None:
    assert published_name(in_rows) == published
    assert printed_name(in_rows) == printed


@pytest.mark.parametrize(("kind", "name"), [("parquet_images", "cifar10"), ("image_folder", "pets_224")])
def test_other_images_need_another_name(kind: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"dataset_name={name} is the name of another data set"):
        data.describe(DataSource(kind, name, "", image_size=224))


@pytest.mark.parametrize("path", sorted((PROJECT / "conf" / "dataset").glob("*.yaml")), ids=lambda path: path.stem)
def test_a_file_of_conf_is_of_a_data_set(path: Path) -> None:
    values, part = yaml.safe_load(path.read_text()), data_sets()[path.stem]
    assert values["data_source"] == part.data_source
    assert values.get("image_size") in (part.printed_side, "???")
