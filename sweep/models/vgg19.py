"""VGG-19 (Simonyan & Zisserman 2015) for 32 x 32 images: torchvision's convolutions with BN, one linear layer."""

from torch import nn

from sweep.config.run import RunConfig
from sweep.data.vision import torchvision
from sweep.models.convolution import keep_bias


def build(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    vgg = torchvision.models.vgg
    features: nn.Module = vgg.make_layers(vgg.cfgs["E"], batch_norm=True)
    for module in features.modules():
        if isinstance(module, nn.Conv2d):
            keep_bias(module)
    return nn.Sequential(features, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, classes))
