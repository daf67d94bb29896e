"""MobileNet-V1 out of torchvision's layers."""

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision

# Channels and stride of each block (Howard et al. 2017, table 1).
BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1),
)  # fmt: skip


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    conv_bn_relu = torchvision.ops.Conv2dNormActivation
    layers, inputs = [conv_bn_relu(channels, 32, 3)], 32
    for outputs, stride in BLOCKS:
        layers += [conv_bn_relu(inputs, inputs, 3, stride, groups=inputs), conv_bn_relu(inputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
