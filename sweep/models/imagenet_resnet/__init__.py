"""ResNet for ImageNet (He et al. 2016), as torchvision has it."""

from functools import partial

from sweep.config.networks import RGB, Network

_resnet = partial(
    Network,
    meaning="torchvision's ResNet, for ImageNet",
    channels=RGB,
    min_side=32,  # it reduces an image by 32: smaller ones would be padding alone
    printed_on=("imagenet", "flowers102", "pets"),
)

PARTS = (
    _resnet("resnet18", build="resnet18", pretrained="ResNet18_Weights.IMAGENET1K_V1", printed=("ResNet-18",)),
    _resnet("resnet34", build="resnet34", pretrained="ResNet34_Weights.IMAGENET1K_V1", printed=("ResNet-34",)),
    _resnet("resnet50", build="resnet50", pretrained="ResNet50_Weights.IMAGENET1K_V1", printed=("ResNet-50",)),
)
