"""Multiply-accumulates of one image, layer by layer, calculated without building the network."""

from typing import Protocol


class NetworkSize(Protocol):
    """What a network may read of a run."""

    @property
    def base_width(self) -> int: ...
    @property
    def width(self) -> int: ...
    @property
    def depth(self) -> int: ...


class Layers:
    """The shape of an image on its way through a network, and the multiply-accumulates so far.

    Those of convolutions and matrix products; normalization, activations and pooling are left out.
    """

    def __init__(self, channels: int, height: int, width: int) -> None:
        self.channels, self.height, self.width, self.macs = channels, height, width, 0

    @property
    def positions(self) -> int:
        return self.height * self.width

    def conv(self, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> None:
        """A convolution with padding kernel // 2."""
        self.downsample(stride)
        self.macs += self.positions * outputs * kernel**2 * self.channels // groups
        self.channels = outputs

    def downsample(self, stride: int) -> None:
        self.height, self.width = -(-self.height // stride), -(-self.width // stride)

    def shortcut(self, inputs: int) -> None:
        """A 1x1 convolution from `inputs` channels to the shape that is reached here."""
        self.macs += self.positions * inputs * self.channels

    def patches(self, outputs: int, side: int) -> None:
        """A convolution of patches that do not overlap."""
        self.height, self.width = self.height // side, self.width // side
        self.macs += self.positions * outputs * side**2 * self.channels
        self.channels = outputs

    def linear(self, outputs: int, positions: int = 1) -> None:
        self.macs += positions * self.channels * outputs
        self.channels = outputs

    def attention(self, tokens: int, window: int) -> None:
        """Queries, keys, values and the output projection; each token attends to `window` tokens."""
        self.macs += tokens * self.channels * (4 * self.channels + 2 * window)

    def mlp(self, tokens: int) -> None:
        """The two linear layers of a transformer's block, four times as wide between them."""
        self.macs += tokens * 8 * self.channels**2
