"""Vision transformers (Dosovitskiy et al. 2021; DeiT-T: Touvron et al. 2021), as torchvision has them."""

from functools import partial

from sweep.config.networks import RGB, Network, without_activations

PATCH = 16

_vit = partial(
    Network,
    channels=RGB,
    patch=PATCH,
    quantizes_activations=False,
    conflict=without_activations,
)

PARTS = (
    _vit(
        "deit_t",
        meaning=f"vision transformer of patches of {PATCH}, 12 blocks, 192 channels, 3 heads",
        build="deit_t",
        printed=("DeiT-T",),
    ),
    _vit(
        "vit_s",
        meaning=f"vision transformer of patches of {PATCH}, 12 blocks, 384 channels, 6 heads",
        build="vit_s",
        printed=(f"ViT-S/{PATCH}",),
    ),
    _vit(
        "vit_b",
        meaning=f"vision transformer of patches of {PATCH}, 12 blocks, 768 channels, 12 heads",
        build="vit_b",
        pretrained="ViT_B_16_Weights.IMAGENET1K_V1",
        printed=(f"ViT-B/{PATCH}",),
    ),
)
