"""Network in Network as QGen trains it (B.1, B.3)."""

from sweep.config.networks import BASE_WIDTH, DEPTH, WIDTH, Network

PART = Network(
    name="nin",
    meaning="Network in Network: depth blocks of three convolutions with base_width * width channels",
    reads=(BASE_WIDTH, WIDTH, DEPTH),
    trains_in_arrays=True,
    printed=("NiN",),
    printed_at={"base_width": 25},
    printed_sizes="{depth}x{width}",
)
