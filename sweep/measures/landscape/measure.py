"""The loss on a plane through the weights, along two random directions."""

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sweep.measures.image_set import ImageSet
from sweep.measures.landscape import Point
from sweep.measures.losses import losses
from sweep.measures.noise import generator
from sweep.measures.space import WeightSpace
from sweep.measures.subject import Columns, Form


def of_form(form: Form) -> Columns:
    """Every `Point` of the plane around the dequantized weights, on the images of curvature; none where not asked."""
    space, config = form.space, form.subject.config
    if not config.landscape_points:
        return {"landscape": []}
    first, second = (filter_normalized(space, random_direction(space, config.seed, i)) for i in range(2))
    axis = torch.linspace(-config.landscape_radius, config.landscape_radius, config.landscape_points)
    grid = landscape(space, first, second, axis, form.subject.curvature_images).tolist()
    rows = zip(axis.tolist(), grid, strict=True)
    points: list[Point] = [
        {"x": x, "y": y, "loss": loss} for x, row in rows for y, loss in zip(axis.tolist(), row, strict=True)
    ]
    return {"landscape": points}


def random_direction(space: WeightSpace, seed: int, index: int) -> Tensor:
    """A standard Gaussian direction (omega,); two of them are nearly, not exactly, orthogonal."""
    return torch.randn(len(space.vector), generator=generator("direction", seed, index)).to(space.vector)


def filter_normalized(space: WeightSpace, direction: Tensor) -> Tensor:
    """Returns d_f |w_f| / (|d_f| + 1e-10) for each output filter f (dimension 0) of `direction` (omega,).

    One-dimensional tensors (biases, BN) get zero, as in the authors' code.
    """
    weights, directions = space.tensors(space.vector), space.tensors(direction)
    return torch.cat([_normalized(weights[name], directions[name]).flatten() for name in weights])


def _normalized(w: Tensor, d: Tensor) -> Tensor:
    if w.dim() == 1:
        return torch.zeros_like(d)
    filters = tuple(range(1, w.dim()))
    scaled: Tensor = d * vector_norm(w, dim=filters, keepdim=True) / (vector_norm(d, dim=filters, keepdim=True) + 1e-10)
    return scaled


def landscape(space: WeightSpace, first: Tensor, second: Tensor, axis: Tensor, images: ImageSet) -> Tensor:
    """Mean cross entropy in nats at w + x first + y second: (len(axis), len(axis)) float64, x by rows.

    `first` and `second` are any two directions (omega,), used as they are; `axis` holds the values of x and y.
    """
    on_axis = axis.to(space.vector)
    rows = [space.vector + x * first + on_axis[:, None] * second for x in on_axis]
    return torch.stack([losses(space, row, images) for row in rows]).cpu()
