"""MobileNet-V2 (Sandler et al. 2018), as torchvision has it, without dropout: a resumed run must repeat its steps."""

from functools import partial

from sweep.config.networks import RGB, Network

_mobilenet_v2 = partial(Network, channels=RGB)

PARTS = (
    _mobilenet_v2(
        "mobilenet_v2",
        meaning="torchvision's MobileNet-V2, for ImageNet",
        min_side=32,  # it reduces an image by 32: smaller ones would be padding alone
        pretrained="MobileNet_V2_Weights.IMAGENET1K_V1",
        printed=("MobileNet V2", "MobileNetV2"),
    ),
    _mobilenet_v2(
        "cifar_mobilenet_v2",
        meaning="mobilenet_v2 that reduces an image by 8 instead of 32",
        build="build_cifar",
    ),
)
