"""VGG-19 with torchvision's convolutions."""

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision
from sweep.models.convolution import keep_bias


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    vgg = torchvision.models.vgg
    features: nn.Module = vgg.make_layers(vgg.cfgs["E"], batch_norm=True)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            keep_bias(module)
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
