"""Where the parameters of a NiN lie in an array: one row of numbers per member, channels padded for wide loads."""

from collections.abc import Iterator
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional as F

CHANNEL_MULTIPLE = 8  # 16 bytes of a 16-bit type


def padded(channels: int) -> int:
    return -(-channels // CHANNEL_MULTIPLE) * CHANNEL_MULTIPLE


@dataclass(frozen=True)
class Layer:
    """A convolution, its BN and its ReLU, as the product of columns (N, rows) and a weight matrix (rows, C_out)."""

    conv: str  # name of the module
    norm: str
    kernel: int
    stride: int
    in_channels: int
    out_channels: int
    in_size: tuple[int, int]  # height and width
    out_size: tuple[int, int]
    is_first: bool

    @property
    def rows(self) -> int:
        """Rows of the weight matrix: (kernel, kernel, C_in), with C_in padded, in the first layer their product."""
        taps = self.kernel * self.kernel
        return padded(taps * self.in_channels) if self.is_first else taps * padded(self.in_channels)

    @property
    def columns(self) -> int:
        return padded(self.out_channels)

    @property
    def positions(self) -> int:
        """Positions of the output per image."""
        return self.out_size[0] * self.out_size[1]

    def to_matrix(self, weight: Tensor) -> Tensor:
        """Lays a weight (C_out, C_in, k, k) out as a matrix (rows, columns)."""
        taps = weight.permute(2, 3, 1, 0)
        if not self.is_first:
            taps = F.pad(taps, (0, 0, 0, padded(self.in_channels) - self.in_channels))
        matrix = taps.flatten(0, 2)
        return F.pad(matrix, (0, self.columns - self.out_channels, 0, self.rows - len(matrix)))

    def to_weight(self, matrix: Tensor) -> Tensor:
        """The inverse of `to_matrix`."""
        taps, inputs = self.kernel * self.kernel, self.in_channels
        stored = inputs if self.is_first else padded(inputs)
        kept: Tensor = matrix[: taps * stored, : self.out_channels].unflatten(0, (self.kernel, self.kernel, stored))
        return kept[:, :, :inputs].permute(3, 2, 0, 1).contiguous()


def layers_of(model: nn.Module, height: int, width: int) -> tuple[Layer, ...]:
    """The layers of a NiN in order, for images of this size."""
    modules = [(n, m) for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.BatchNorm2d))]
    layers: list[Layer] = []
    size = (height, width)
    for (conv_name, conv), (norm_name, _) in zip(modules[::2], modules[1::2], strict=True):
        assert isinstance(conv, nn.Conv2d)
        stride = conv.stride[0]
        out = (-(-size[0] // stride), -(-size[1] // stride))
        layers.append(
            Layer(
                conv_name, norm_name, conv.kernel_size[0], stride, conv.in_channels, conv.out_channels, size, out,
                is_first=not layers,
            )
        )  # fmt: skip
        size = out
    return tuple(layers)


@dataclass(frozen=True)
class Parameters:
    """Views (K, ...) of one layer into a tensor (K, P) of parameters, gradients or optimizer state."""

    weight: Tensor  # (K, rows, columns)
    bias: Tensor  # (K, columns), as are the others
    gamma: Tensor
    beta: Tensor

    def vectors(self) -> Iterator[tuple[str, Tensor]]:
        """Yields the vectors with the names that PyTorch gives them: of the convolution, then of its BN."""
        yield from (("bias", self.bias), ("gamma", self.gamma), ("beta", self.beta))


def parameters_per_member(layers: tuple[Layer, ...]) -> int:
    return sum((layer.rows + 3) * layer.columns for layer in layers)


def views(flat: Tensor, layers: tuple[Layer, ...]) -> list[Parameters]:
    """Returns the views of each layer into `flat` (K, parameters_per_member)."""
    found, start = [], 0
    for layer in layers:
        matrix = layer.rows * layer.columns
        weight = flat[:, start : start + matrix].unflatten(1, (layer.rows, layer.columns))
        start += matrix
        vectors = flat[:, start : start + 3 * layer.columns].unflatten(1, (3, layer.columns))
        start += 3 * layer.columns
        found.append(Parameters(weight, *vectors.unbind(1)))
    return found
