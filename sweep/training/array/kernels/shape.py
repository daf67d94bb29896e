"""The sizes of a layer as its kernels see them: known when they are compiled."""

from dataclasses import dataclass

from sweep.training.array.layout import Layer, padded


@dataclass(frozen=True)
class Shape:
    """A 1x1 convolution of stride 1, or a 3x3 convolution of stride 2 and padding 1. Channels are padded."""

    kernel: int
    in_height: int
    in_width: int
    in_channels: int
    out_height: int
    out_width: int
    out_channels: int

    @classmethod
    def of(cls, layer: Layer) -> "Shape":
        """The first layer is a product with the columns of its images, so a 1x1 convolution."""
        if layer.is_first:
            return cls(1, *layer.out_size, layer.rows, *layer.out_size, layer.columns)
        assert (layer.kernel, layer.stride) in ((1, 1), (3, 2))
        return cls(layer.kernel, *layer.in_size, padded(layer.in_channels), *layer.out_size, layer.columns)

    @property
    def taps(self) -> int:
        return self.kernel * self.kernel

    @property
    def rows(self) -> int:
        """Rows of the weight matrix."""
        return self.taps * self.in_channels

    @property
    def in_positions(self) -> int:
        """Positions of the input per image, as `out_positions` are of the output."""
        return self.in_height * self.in_width

    @property
    def out_positions(self) -> int:
        return self.out_height * self.out_width

    @property
    def parities(self) -> int:
        """Classes of input positions that are in equally many windows."""
        return 4 if self.kernel == 3 else 1

    @property
    def parity_positions(self) -> int:
        """Input positions per image of the largest such class."""
        return -(-self.in_height // 2) * -(-self.in_width // 2) if self.kernel == 3 else self.in_positions
