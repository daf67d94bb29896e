"""ResNet without pooling before its blocks, out of torchvision's blocks."""

from collections.abc import Callable, Sequence
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision

BasicBlock, Bottleneck = torchvision.models.resnet.BasicBlock, torchvision.models.resnet.Bottleneck
Shortcut = Callable[[int, int, int], nn.Module]  # of inputs, outputs, stride


class PaddingShortcut(nn.Module):
    """Option A of He et al. (2016, 3.3): every `stride`-th pixel, and zeros for the new channels."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.stride, self.new_channels = stride, outputs - inputs

    def forward(self, images: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H / stride, W / stride), sizes rounded up."""
        kept = images[:, :, :: self.stride, :: self.stride]
        return F.pad(kept, (0, 0, 0, 0, self.new_channels // 2, self.new_channels - self.new_channels // 2))


def projection(inputs: int, outputs: int, stride: int) -> nn.Module:
    """Option B: a 1x1 convolution and BN."""
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class CifarResNet(nn.Module):
    """ResNet: conv3x3, stages of `block`, linear. Stages after the first double the channels and halve the image."""

    def __init__(
        self, channels: int, classes: int, block: Callable[..., nn.Module], blocks: Sequence[int], base_width: int,
        shortcut: Shortcut = projection,
    ) -> None:  # fmt: skip
        super().__init__()
        self.conv1 = nn.Conv2d(channels, base_width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(base_width)
        layers, inputs = [], base_width
        for stage, count in enumerate(blocks):
            for index in range(count):
                width, stride = base_width << stage, 2 if stage and not index else 1
                outputs: int = width * block.expansion  # type: ignore[attr-defined]
                same = stride == 1 and inputs == outputs
                layers.append(block(inputs, width, stride, None if same else shortcut(inputs, outputs, stride)))
                inputs = outputs
        self.blocks = nn.Sequential(*layers)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, classes)."""
        features = self.blocks(F.relu(self.bn1(self.conv1(images))))
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


def resnet18(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return CifarResNet(channels, classes, BasicBlock, (2, 2, 2, 2), size.base_width)


def resnet50(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return CifarResNet(channels, classes, Bottleneck, (3, 4, 6, 3), size.base_width)


def _resnet20(
    shortcut: Shortcut, size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]
) -> nn.Module:
    return CifarResNet(channels, classes, BasicBlock, (3, 3, 3), 16, shortcut)


resnet20 = partial(_resnet20, PaddingShortcut)
resnet20_b = partial(_resnet20, projection)
