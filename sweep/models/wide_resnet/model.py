"""Wide residual network of preactivation blocks."""

import torch.nn.functional as F
from torch import Tensor, nn

from sweep.config.networks import NetworkSize
from sweep.models.convolution import conv_before_bn

BASE_WIDTH = 16
STAGES = 3


class PreactivationBlock(nn.Module):
    """BN, ReLU, conv3x3, twice, added to the input, which a conv1x1 brings to another shape."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(inputs)
        self.conv1 = conv_before_bn(inputs, outputs, 3, stride)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv_before_bn(outputs, outputs, 3, 1)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else conv_before_bn(inputs, outputs, 1, stride)

    def forward(self, images: Tensor) -> Tensor:
        residual = self.conv1(F.relu(self.bn1(images)))
        residual = self.conv2(F.relu(self.bn2(residual)))
        out: Tensor = residual + self.shortcut(images)
        return out


class WideResNet(nn.Module):
    """WRN-`depth`-`width`: conv3x3, three stages of (depth - 4) / 6 blocks, BN, ReLU, linear.

    Every bias is added to channels that a BN centres before anything but a sum or a 1x1 convolution reads them.
    """

    def __init__(self, channels: int, classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.conv1 = conv_before_bn(channels, BASE_WIDTH, 3, 1)
        blocks, inputs = [], BASE_WIDTH
        for stage in range(STAGES):
            outputs = BASE_WIDTH * width << stage
            for index in range((depth - 4) // 6):
                blocks.append(PreactivationBlock(inputs, outputs, 2 if stage and not index else 1))
                inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(inputs)
        self.fc = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, classes)."""
        features = F.relu(self.bn(self.blocks(self.conv1(images))))
        logits: Tensor = self.fc(features.mean((2, 3)))
        return logits


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return WideResNet(channels, classes, size.width, size.depth)
