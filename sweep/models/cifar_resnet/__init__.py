"""ResNet for small images: no pooling before the blocks, which are torchvision's."""

from functools import partial

from sweep.config.networks import BASE_WIDTH, Network

_QGEN = {"base_width": 16}  # QGen B.1, of what it trains from scratch
_four_stages = partial(
    Network,
    reads=(BASE_WIDTH,),
    printed_on=("cifar10", "cifar100"),
    printed_at={"base_width": 64},
    printed_at_in={"qgen_table2": _QGEN, "qgen_table3": _QGEN},
)

PARTS = (
    _four_stages(
        "cifar_resnet18",
        meaning="ResNet of four stages, for small images; base_width: channels of the first, 16 in QGen's grid or 64",
        build="resnet18",
        printed=("ResNet-18", "Resnet18", "ResNet18"),
    ),
    _four_stages(
        "cifar_resnet50",
        meaning="ResNet of four stages of bottlenecks, for small images; base_width as of cifar_resnet18",
        build="resnet50",
        printed=("ResNet-50",),
    ),
    Network(
        "resnet20",
        meaning="ResNet of three stages, for CIFAR; shortcuts pad with zeros (option A of He et al. 2016)",
        build="resnet20",
        printed=("ResNet-20", "Resnet20"),
    ),
    Network(
        "resnet20_b",
        meaning="resnet20 with 1x1 convolutions as shortcuts (option B)",
        build="resnet20_b",
    ),
)
