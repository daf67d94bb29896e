"""What the kernels of one layer take and leave, K members at once; fields are named as the kernels' arguments are."""

from typing import Any, NamedTuple

from torch import Tensor

from sweep.training.array.kernels.shape import Shape


class Products(NamedTuple):
    """The matrix products of a layer over one batch."""

    shape: Shape
    images: int
    precision: str  # of float32 operands: ieee, or tf32 where they are rounded to it


class Source(NamedTuple):
    """The input of a layer: the z of the layer before, which is normalized while loading, or the input itself."""

    source: Tensor  # (K, N_in, C_in)
    norm: Tensor | None  # (K, 5, C_in) float32, the rows of `kernels.load`; None: `source` is the input itself

    def arguments(self) -> dict[str, Any]:
        """Returns the arguments of a kernel that takes either; a pointer must be there even where it is not read."""
        norm = self.source if self.norm is None else self.norm
        return {"source": self.source, "norm": norm, "normalizes": self.norm is not None}


class Convolved(NamedTuple):
    """The output of a layer's convolution, and its statistics by blocks of positions."""

    z: Tensor  # (K, N_out, C_out)
    partials: Tensor  # (K, blocks, 2, C_out) float32: mean, and sum of squared distances from it
    rows: int  # positions of a block; the last block has what is left


class Running(NamedTuple):
    """The running statistics of a BN, which training tracks in place."""

    running_mean: Tensor  # (K, C)
    running_var: Tensor  # (K, C), unbiased


class BelowNorm(NamedTuple):
    """The gradient of a BN's output, before what its statistics add to it."""

    grad: Tensor  # (K, N, C)
    partials: Tensor  # (K, blocks, 2, C) float32: its sums for beta and gamma


class OutputGradient(NamedTuple):
    """The gradient of a convolution's output, yet to be put together: grad_z = scale * grad + slope * z + constant."""

    grad: Tensor  # (K, N_out, C_out), of the BN's output
    z: Tensor  # (K, N_out, C_out)
    coefficients: Tensor  # (K, 3, C_out) float32, the rows of `kernels.load`
