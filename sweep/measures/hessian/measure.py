"""The power iteration that finds the largest eigenvalue of the Hessian."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.measures.image_set import ImageSet
from sweep.measures.losses import GRADIENT_BATCH
from sweep.measures.network import loss_sums
from sweep.measures.noise import generator
from sweep.measures.space import WeightSpace
from sweep.measures.subject import Columns, Form

Product = Callable[[Tensor], Tensor]  # v (omega,) to H v


def of_form(form: Form) -> Columns:
    """The eigenvalue in nats at the dequantized weights, on the images of curvature; the seed fixes the start."""
    space, config = form.space, form.subject.config
    start = torch.randn(len(space.vector), generator=generator("hessian", config.seed)).to(space.vector)
    product = hessian_product(space, form.subject.curvature_images)
    found = largest_eigenvalue(product, start, config.hessian_tol, config.hessian_iterations, config.hessian_shift)
    return {
        "hessian_eigenvalue": found.value,
        "hessian_converged": found.converged,
        "hessian_iterations": found.iterations,
    }


class Eigenvalue(NamedTuple):
    """The eigenvalue that was found: `value` is signed; `converged` is false where the last iteration still changed
    it by the tolerance.
    """

    value: float
    converged: bool
    iterations: int


def largest_eigenvalue(product: Product, start: Tensor, tol: float, iterations: int, shift: float) -> Eigenvalue:
    """Power iteration on H + shift I from `start` (omega,): the Rayleigh quotient v'Hv of its limit v.

    That is the eigenvalue with the largest |lambda + shift|: without a shift the largest in magnitude, which may be
    negative. It ends once the quotient changes by less than `tol`, relative (as PyHessian, Yao et al. 2020).
    """
    v, previous = start / start.norm(), None
    for iteration in range(1, iterations + 1):
        hv = product(v)
        value = torch.dot(v.double(), hv.double()).item()
        if previous is not None and abs(value - previous) <= tol * abs(previous):
            return Eigenvalue(value, True, iteration)
        moved = hv + shift * v
        v, previous = moved / moved.norm().clamp(min=torch.finfo(moved.dtype).tiny), value
    return Eigenvalue(value, False, iterations)


def hessian_product(space: WeightSpace, images: ImageSet) -> Product:
    """Returns the product v to H v, H the Hessian of the mean cross entropy on `images` at `space.vector`, BN in
    evaluation mode.
    """

    def product(v: Tensor) -> Tensor:
        total = torch.zeros_like(v)
        for batch, labels in images.batches(GRADIENT_BATCH, v.dtype):
            leaf = space.vector.clone().requires_grad_()
            loss = loss_sums(space.network(leaf[None]).logits(batch), labels).sum()
            (gradient,) = torch.autograd.grad(loss, leaf, create_graph=True)
            total += torch.autograd.grad(gradient @ v, leaf)[0]
        return total / len(images)

    return product
