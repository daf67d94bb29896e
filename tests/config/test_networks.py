"""What is known of networks without building them."""

import pytest
import yaml

from sweep import PROJECT
from sweep.config.checks import ConfigError
from sweep.config.networks import network_of, networks
from tests.conftest import tiny_run


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
def test_a_network_has_a_file_where_it_reads_sizes_and_it_gives_each(name: str) -> None:
    sizes = {size.name for size in network_of(name).reads}
    path = PROJECT / "conf" / "model" / f"{name}.yaml"
    assert path.exists() == bool(sizes)
    assert not sizes or set(yaml.safe_load(path.read_text())) == {"model", *sizes}


@pytest.mark.parametrize("name", [name for name, network in networks().items() if not network.quantizes_activations])
def test_attention_without_layers_keeps_float_activations(name: str) -> None:
    with pytest.raises(ConfigError, match=f"act_bits=4 with model={name}, whose attention multiplies inside"):
        tiny_run(model=name, act_bits=4)
