"""MobileNet-V1 (Howard et al. 2017) for small images: the first convolution and the first block keep their size."""

from torch import nn

from sweep.architectures.convolutional import MOBILENET_V1_BLOCKS
from sweep.config.run import RunConfig
from sweep.data.vision import torchvision


def build(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    conv_bn_relu = torchvision.ops.Conv2dNormActivation
    layers, inputs = [conv_bn_relu(channels, 32, 3)], 32
    for outputs, stride in MOBILENET_V1_BLOCKS:
        layers += [conv_bn_relu(inputs, inputs, 3, stride, groups=inputs), conv_bn_relu(inputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, classes))
