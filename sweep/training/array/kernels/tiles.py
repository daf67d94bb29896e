"""How much one program of a kernel computes. Never chosen by timing or by the number of members: that would make
a member's numbers depend on more than its own run."""

from dataclasses import dataclass

from sweep.training.array.kernels.shape import Shape


@dataclass(frozen=True)
class Tile:
    """A block (rows, columns) of a matrix product, summed in steps of `depth`."""

    rows: int
    columns: int
    depth: int
    warps: int
    stages: int


STATISTICS_BLOCKS, STATISTICS_CHANNELS = 64, 16  # merged at a time
UPDATE_BLOCK = 1024  # parameters
OUTPUT_BLOCK = 32  # positions of the last layer
SPLIT_POSITIONS = 4096  # of one partial sum of a weight gradient


def _power_of_two(size: int, largest: int) -> int:
    """At least 16, which matrix instructions need."""
    return min(largest, max(16, 1 << (size - 1).bit_length()))


def _columns(channels: int, largest: int) -> int:
    """The widest block that wastes at most 3 of 10 columns."""
    width = _power_of_two(channels, largest)
    while width > 32 and -(-channels // width) * width > 1.3 * channels:
        width //= 2
    return width


def forward_tile(shape: Shape, item_bytes: int) -> Tile:
    wide = item_bytes == 2
    columns = _columns(shape.out_channels, 256 if wide else 64)
    depth = _power_of_two(shape.in_channels, 64 if wide else 32)
    return Tile(128, columns, depth, 8 if columns > 64 else 4, 3)


def input_gradient_tile(shape: Shape, item_bytes: int) -> Tile:
    wide = item_bytes == 2
    columns = _columns(shape.in_channels, 128 if wide else 64)
    depth = _power_of_two(shape.out_channels, 64 if wide else 32)
    return Tile(128, columns, depth, 8 if columns > 64 else 4, 3)


def weight_gradient_tile(shape: Shape, item_bytes: int) -> Tile:
    largest = 128 if item_bytes == 2 else 64
    rows, columns = _columns(shape.in_channels, largest), _columns(shape.out_channels, largest)
    return Tile(rows, columns, 64 if item_bytes == 2 else 32, 8 if rows * columns >= 4096 else 4, 3)
