"""Sharpness in a box, on problems whose maximum is known."""

import numpy as np
import pytest
import torch

from sweep.measures.image_set import ImageSet
from sweep.measures.linf.measure import box_sharpness, maximise, random_basis, subspace_sharpness
from sweep.measures.space import WeightSpace
from sweep.training.weights import counted_names
from tests.measures.tiny import PlainLinear, counted_space, literal_loss, random_images, random_nin


def test_the_maximum_of_a_convex_quadratic_is_at_a_corner() -> None:
    """f = |x - c|^2 on |x_i| <= b_i: the corner away from c."""
    c, box = np.array([0.3, -0.2, 0.05]), np.array([1.0, 2.0, 0.5])
    before, most = maximise(lambda x: (float(((x - c) ** 2).sum()), 2 * (x - c)), box, 20)
    assert before == pytest.approx((c**2).sum())
    assert most == pytest.approx(((box + np.abs(c)) ** 2).sum())


def test_the_maximum_of_a_concave_quadratic_is_inside() -> None:
    c = np.array([0.3, -0.2])
    before, most = maximise(lambda x: (1 - float(((x - c) ** 2).sum()), -2 * (x - c)), np.ones(2), 20)
    assert (before, most) == (pytest.approx(0.87), pytest.approx(1))


def linear_problem() -> tuple[WeightSpace, ImageSet]:
    """Logits -w and w of one class that is right: L = log(1 + exp(-2 w)), w = 0.3."""
    model = PlainLinear(torch.tensor([[-0.3], [0.3]], dtype=torch.float64))
    ones = torch.ones(4, 1, 1, 1, dtype=torch.uint8)
    return counted_space(model), ImageSet(ones, torch.ones(4, dtype=torch.int64), lambda batch: batch.double())


def loss(margin: float) -> float:
    return float(np.log1p(np.exp(-margin)))


@pytest.mark.parametrize("radius", [1e-3, 0.1])
def test_box_sharpness_of_a_linear_model(radius: float) -> None:
    space, images = linear_problem()
    expected = loss(0.6 - 2 * radius) - loss(0.6)
    assert box_sharpness(space, images, radius, 10) == pytest.approx(expected, rel=1e-9)


def test_subspace_sharpness_of_a_linear_model() -> None:
    """A = (0.6, 0.8)': A+ w = 0.06, so |z| <= 0.1 * 1.06, and the margin is 0.6 + 0.2 z."""
    space, images = linear_problem()
    basis = torch.tensor([[0.6], [0.8]], dtype=torch.float64)
    z = 0.1 * (abs(-0.3 * 0.6 + 0.3 * 0.8) + 1)
    expected = 100 * (loss(0.6 - 0.2 * z) - loss(0.6)) / (1 + loss(0.6))
    assert subspace_sharpness(space, images, 0.1, basis, 10) == pytest.approx(expected, rel=1e-9)


def test_sharpness_of_a_tiny_nin() -> None:
    """For a small radius the box's maximum is radius * |gradient|_1, and no random point in it is higher."""
    model, images = random_nin(), random_images(100)
    space, names = counted_space(model), counted_names(model)
    leaf = space.vector.clone().requires_grad_()
    before = literal_loss(model, names, leaf, images)
    (gradient,) = torch.autograd.grad(before, leaf)
    tiny = box_sharpness(space, images, 1e-7, 10)
    assert tiny == pytest.approx(1e-7 * gradient.abs().sum().item(), rel=1e-3)
    found = box_sharpness(space, images, 0.01, 10)
    corners = 0.01 * torch.randn(20, len(space.vector), dtype=torch.float64).sign()
    with torch.no_grad():
        tried = [
            literal_loss(model, names, space.vector + e, images) - before for e in (*corners, gradient.sign() * 0.01)
        ]
    assert found >= 0.98 * max(tried).item()


def test_subspace_sharpness_of_a_tiny_nin_on_a_line() -> None:
    model, images = random_nin(), random_images(100)
    space, names = counted_space(model), counted_names(model)
    basis = random_basis(space, 1, seed=0)
    line = basis[:, 0]
    limit = 0.01 * ((space.vector @ line / (line @ line)).abs().item() + 1)
    with torch.no_grad():
        before = literal_loss(model, names, space.vector, images).item()
        on_line = [
            literal_loss(model, names, space.vector + z * line, images).item() for z in np.linspace(-1, 1, 201) * limit
        ]
    expected = 100 * (max(on_line) - before) / (1 + before)
    assert subspace_sharpness(space, images, 0.01, basis, 10) == pytest.approx(expected, rel=1e-3)


def test_coordinates_are_those_of_the_pseudoinverse() -> None:
    """A linear loss along z has its maximum at the box's corner, which shows the box."""
    space, images = counted_space(random_nin()), random_images(50)
    basis = random_basis(space, 3, seed=1)
    assert torch.allclose(basis.norm(dim=0), torch.ones(3, dtype=torch.float64), atol=1e-6)
    assert (basis >= 0).all() and not torch.equal(basis, random_basis(space, 3, seed=2))
    radius = 1e-7
    box = radius * ((torch.linalg.pinv(basis) @ space.vector).abs() + 1)
    leaf = space.vector.clone().requires_grad_()
    before = literal_loss(space.model, list(space.shapes), leaf, images)
    (gradient,) = torch.autograd.grad(before, leaf)
    expected = 100 * ((basis.T @ gradient).abs() @ box).item() / (1 + before.item())
    assert subspace_sharpness(space, images, radius, basis, 10) == pytest.approx(expected, rel=1e-3)
