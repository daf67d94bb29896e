"""The largest rise of the loss in a box, of all weights and of a random subspace."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from sweep.measures.image_set import ImageSet
from sweep.measures.losses import loss_gradients
from sweep.measures.noise import generator
from sweep.measures.space import WeightSpace
from sweep.measures.subject import Columns, Form

Vector = NDArray[np.float64]
LossAndGradient = Callable[[Vector], tuple[float, Vector]]


def of_form(form: Form) -> Columns:
    """Both readings at the dequantized weights, on the images of curvature: one value for each of `linf_radii`."""
    space, images, config = form.space, form.subject.curvature_images, form.subject.config
    basis, iterations = random_basis(space, config.linf_dimensions, config.seed), config.linf_iterations
    return {
        "linf_box": [box_sharpness(space, images, radius, iterations) for radius in config.linf_radii],
        "linf_subspace": [subspace_sharpness(space, images, radius, basis, iterations) for radius in config.linf_radii],
    }


def maximise(function: LossAndGradient, box: Vector, iterations: int) -> tuple[float, float]:
    """Returns f(0) and the largest f found on |x_i| <= box_i by L-BFGS-B from 0; `function` gives both f and f'."""

    def negative(x: Vector) -> tuple[float, Vector]:
        value, gradient = function(x)
        return -value, -gradient

    bounds = np.stack([-box, box], axis=1)
    # scipy's default tolerance on the projected gradient, 1e-5, ends at once in a box smaller than that
    options = {"maxiter": iterations, "gtol": 0.0, "ftol": 0.0}
    found = minimize(negative, np.zeros_like(box), jac=True, bounds=bounds, method="L-BFGS-B", options=options)
    return function(np.zeros_like(box))[0], -float(found.fun)


def box_sharpness(space: WeightSpace, images: ImageSet, radius: float, iterations: int) -> float:
    """Returns the max over |e|_inf <= radius of L(w + e) - L(w), in nats: the formula of noise tempering 5.1.

    L is the mean cross entropy on `images`. The maximum is what L-BFGS-B finds in `iterations`.
    """
    before, most = maximise(_along(space, images, None), np.full(len(space.vector), radius), iterations)
    return most - before


def subspace_sharpness(space: WeightSpace, images: ImageSet, radius: float, basis: Tensor, iterations: int) -> float:
    """Returns 100 (max L(w + A z) - L(w)) / (1 + L(w)) over |z_i| <= radius (|(A+ w)_i| + 1): Keskar et al. 2017, eq.
    4.

    `basis` is A (omega, dimensions), A+ its pseudoinverse. This is what the code that noise tempering follows
    computes, with 100 dimensions and 10 iterations.
    """
    coordinates = torch.linalg.solve((basis.T @ basis).double(), (basis.T @ space.vector).double())
    box = radius * (coordinates.abs().cpu().numpy() + 1)
    before, most = maximise(_along(space, images, basis), box, iterations)
    return 100 * (most - before) / (1 + before)


def random_basis(space: WeightSpace, dimensions: int, seed: int) -> Tensor:
    """Draws a basis (omega, dimensions): columns uniform on [0, 1), each scaled to length 1."""
    size = len(space.vector)
    columns = [torch.rand(size, generator=generator("subspace", seed, j)) for j in range(dimensions)]
    return torch.stack([column / column.norm() for column in columns], dim=1).to(space.vector)


def _along(space: WeightSpace, images: ImageSet, basis: Tensor | None) -> LossAndGradient:
    """z to the loss at w + A z and its gradient in z; A is the identity where `basis` is None."""

    def function(z: Vector) -> tuple[float, Vector]:
        moved = torch.from_numpy(z).to(space.vector)
        vector = space.vector + (moved if basis is None else basis @ moved)
        loss, (gradient,) = loss_gradients(space, vector[None], images)
        along = gradient if basis is None else basis.T @ gradient
        return loss.item(), along.double().cpu().numpy()

    return function
