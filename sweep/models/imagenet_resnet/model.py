"""ResNet, torchvision's."""

from functools import partial

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision


def _resnet(name: str, size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.get_model(name, num_classes=classes)
    return model


resnet18 = partial(_resnet, "resnet18")
resnet34 = partial(_resnet, "resnet34")
resnet50 = partial(_resnet, "resnet50")
