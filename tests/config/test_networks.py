"""What is known of networks without building them."""

import pytest
import yaml

from sweep import PROJECT
from sweep.config.networks import network_of, networks


@pytest.mark.parametrize(
    ("name", "image", "misfit"),
    [
        ("vit_b", (3, 8, 8), "square images whose side is a multiple of 16"),
        ("vit_b", (3, 224, 208), "square images whose side is a multiple of 16"),
        ("vit_b", (3, 224, 224), None),
        ("vgg19", (3, 31, 64), "images of at least 32 x 32"),
        ("vgg19", (3, 32, 64), None),
        ("swin_t", (1, 224, 224), "images of 3 channels"),
        ("resnet20", (1, 8, 8), None),
        ("nin", (4, 1, 3), None),
    ],
)
def test_images_that_a_network_takes(name: str, image: tuple[int, int, int], misfit: str | None) -> None:
    assert network_of(name).misfit(*image) == misfit


@pytest.mark.parametrize("name", networks())
def test_each_has_a_file_of_its_name_with_the_sizes_that_it_reads(name: str) -> None:
    values = yaml.safe_load((PROJECT / "conf" / "model" / f"{name}.yaml").read_text())
    assert values["model"] == name and set(values) == {"model", *(size.name for size in network_of(name).reads)}


def test_there_are_no_other_files() -> None:
    assert {path.stem for path in (PROJECT / "conf" / "model").glob("*.yaml")} == set(networks())
