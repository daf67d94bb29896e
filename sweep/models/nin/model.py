"""Network in Network in PyTorch."""

from torch import Tensor, nn

from sweep.config.networks import NetworkSize
from sweep.models.convolution import conv_before_bn


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    return NiN(channels, classes, size.base_width * size.width, size.depth)


def _conv_bn_relu(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Sequential:
    conv = conv_before_bn(inputs, outputs, kernel, stride)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


class NiN(nn.Module):
    """Network in Network: `depth` blocks of conv3x3 stride 2 and two conv1x1, conv1x1 to the classes, a global average.

    Each convolution has a bias and is followed by BN and ReLU, the one that makes the logits too.
    """

    def __init__(self, in_channels: int, classes: int, channels: int, depth: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for block in range(depth):
            layers += [
                _conv_bn_relu(channels if block else in_channels, channels, 3, 2),
                _conv_bn_relu(channels, channels, 1, 1),
                _conv_bn_relu(channels, channels, 1, 1),
            ]
        self.features = nn.Sequential(*layers)
        self.head = _conv_bn_relu(channels, classes, 1, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (B, classes), which are never negative."""
        logits: Tensor = self.head(self.features(images)).mean((2, 3))
        return logits
