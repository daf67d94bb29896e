"""ResNet for ImageNet (He et al. 2016), as torchvision has it."""

from functools import partial

from torch import nn

from sweep.config.run import RunConfig
from sweep.data.vision import torchvision


def _resnet(name: str, run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.get_model(name, num_classes=classes)
    return model


resnet18 = partial(_resnet, "resnet18")
resnet34 = partial(_resnet, "resnet34")
resnet50 = partial(_resnet, "resnet50")
