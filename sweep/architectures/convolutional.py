"""Multiply-accumulates of the convolutional networks, and the tables of their blocks."""

from collections.abc import Callable
from functools import partial

from sweep.architectures.layers import Layers, NetworkSize

# Channels and stride of each block (Howard et al. 2017, table 1).
MOBILENET_V1_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip


def nin(layers: Layers, size: NetworkSize, classes: int) -> None:
    channels = size.base_width * size.width
    for _ in range(size.depth):
        layers.conv(channels, 3, stride=2)
        layers.conv(channels, 1)
        layers.conv(channels, 1)
    layers.conv(classes, 1)


def _basic_block(layers: Layers, channels: int, stride: int) -> None:
    layers.conv(channels, 3, stride)
    layers.conv(channels, 3)


def _bottleneck(layers: Layers, channels: int, stride: int) -> None:
    layers.conv(channels, 1)
    layers.conv(channels, 3, stride)
    layers.conv(4 * channels, 1)


def _stages(layers: Layers, block: Callable[..., None], blocks: tuple[int, ...], width: int, projects: bool) -> None:
    """Residual stages, each but the first at twice the channels and half the size of the one before.

    `projects`: shortcuts between different shapes are 1x1 convolutions.
    """
    for stage, count in enumerate(blocks):
        for index in range(count):
            before = (layers.channels, layers.positions)
            block(layers, width << stage, 2 if stage and not index else 1)
            if projects and before != (layers.channels, layers.positions):
                layers.shortcut(before[0])


def _imagenet_resnet(
    block: Callable[..., None], blocks: tuple[int, ...], layers: Layers, size: NetworkSize, classes: int
) -> None:
    layers.conv(64, 7, stride=2)
    layers.downsample(2)
    _stages(layers, block, blocks, 64, projects=True)
    layers.linear(classes)


def _cifar_resnet(
    block: Callable[..., None], blocks: tuple[int, ...], layers: Layers, size: NetworkSize, classes: int
) -> None:
    layers.conv(size.base_width, 3)
    _stages(layers, block, blocks, size.base_width, projects=True)
    layers.linear(classes)


def _resnet20(projects: bool, layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.conv(16, 3)
    _stages(layers, _basic_block, (3, 3, 3), 16, projects)
    layers.linear(classes)


resnet18 = partial(_imagenet_resnet, _basic_block, (2, 2, 2, 2))
resnet34 = partial(_imagenet_resnet, _basic_block, (3, 4, 6, 3))
resnet50 = partial(_imagenet_resnet, _bottleneck, (3, 4, 6, 3))
cifar_resnet18 = partial(_cifar_resnet, _basic_block, (2, 2, 2, 2))
cifar_resnet50 = partial(_cifar_resnet, _bottleneck, (3, 4, 6, 3))
resnet20 = partial(_resnet20, False)
resnet20_b = partial(_resnet20, True)


def wide_resnet(layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.conv(16, 3)
    _stages(layers, _basic_block, ((size.depth - 4) // 6,) * 3, 16 * size.width, projects=True)
    layers.linear(classes)


def mobilenet_v1(layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.conv(32, 3)
    for channels, stride in MOBILENET_V1_BLOCKS:
        layers.conv(layers.channels, 3, stride, groups=layers.channels)
        layers.conv(channels, 1)
    layers.linear(classes)


def mobilenet_v2_stages(stem_stride: int) -> list[list[int]]:
    """Expansion, channels, blocks and first stride of each stage (Sandler et al. 2018, table 2).

    `stem_stride`, 2 in the paper, is that of the first convolution and of the first stage with a stride.
    """
    return [
        [1, 16, 1, 1], [6, 24, 2, stem_stride], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2],
        [6, 320, 1, 1],
    ]  # fmt: skip


def _mobilenet_v2(stem_stride: int, layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.conv(32, 3, stem_stride)
    for expansion, channels, blocks, stride in mobilenet_v2_stages(stem_stride):
        for index in range(blocks):
            hidden = expansion * layers.channels
            if expansion > 1:
                layers.conv(hidden, 1)
            layers.conv(hidden, 3, 1 if index else stride, groups=hidden)
            layers.conv(channels, 1)
    layers.conv(1280, 1)
    layers.linear(classes)


mobilenet_v2 = partial(_mobilenet_v2, 2)
cifar_mobilenet_v2 = partial(_mobilenet_v2, 1)


def vgg19(layers: Layers, size: NetworkSize, classes: int) -> None:
    for channels, count in ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4)):
        for _ in range(count):
            layers.conv(channels, 3)
        layers.height, layers.width = layers.height // 2, layers.width // 2
    layers.linear(classes)
