"""MobileNet-V2 (Sandler et al. 2018), as torchvision has it, without dropout: a resumed run must repeat its steps."""

from torch import nn

from sweep.architectures.convolutional import mobilenet_v2_stages
from sweep.config.run import RunConfig
from sweep.data.vision import torchvision


def build(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.MobileNetV2(classes, dropout=0.0)
    return model


def build_cifar(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """For 32 x 32 images: the first convolution and the first stage with a stride keep their size."""
    stages = mobilenet_v2_stages(stem_stride=1)
    torchvision_model = torchvision.models.MobileNetV2(classes, inverted_residual_setting=stages, dropout=0.0)
    torchvision_model.features[0][0].stride = (1, 1)
    model: nn.Module = torchvision_model
    return model
