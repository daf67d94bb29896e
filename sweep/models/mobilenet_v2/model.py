"""MobileNet-V2, torchvision's, also with smaller strides."""

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision

# Expansion, channels, blocks and first stride of each stage (Sandler et al. 2018, table 2), but that the first stage
# with a stride keeps its size.
CIFAR_STAGES = [
    [1, 16, 1, 1], [6, 24, 2, 1], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1],
]  # fmt: skip


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.MobileNetV2(classes, dropout=0.0)
    return model


def build_cifar(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """Builds it for 32 x 32 images: the first convolution and the first stage with a stride keep their size."""
    torchvision_model = torchvision.models.MobileNetV2(classes, inverted_residual_setting=CIFAR_STAGES, dropout=0.0)
    torchvision_model.features[0][0].stride = (1, 1)
    model: nn.Module = torchvision_model
    return model
