"""Power iteration on matrices with known eigenvalues and on the dense Hessian of a tiny NiN."""

import pytest
import torch

from sweep.measures.hessian.measure import hessian_product, largest_eigenvalue
from sweep.training.weights import counted_names, fold
from tests.measures.tiny import counted_space, literal_loss, random_images, random_nin


def quadratic(eigenvalues: list[float]) -> torch.Tensor:
    torch.manual_seed(0)
    q = torch.linalg.qr(torch.randn(len(eigenvalues), len(eigenvalues), dtype=torch.float64)).Q
    return q @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ q.T


START = torch.ones(4, dtype=torch.float64)


@pytest.mark.parametrize(
    ("eigenvalues", "shift", "expected"),
    [
        ([3.0, 1.0, 0.5, -1.0], 0.0, 3.0),
        ([2.0, 1.0, 0.5, -5.0], 0.0, -5.0),
        ([2.0, 1.0, 0.5, -5.0], 5.0, 2.0),
        ([6.0, 1.0, 0.5, -5.0], -7.0, -5.0),
        ([0.0, 0.0, 0.0, 0.0], 0.0, 0.0),
    ],
)
def test_known_eigenvalues(eigenvalues: list[float], shift: float, expected: float) -> None:
    matrix = quadratic(eigenvalues)
    found = largest_eigenvalue(lambda v: matrix @ v, START, 1e-9, 1000, shift)
    assert found.converged
    assert found.value == pytest.approx(expected, abs=1e-6)


def test_it_says_when_it_has_not_converged() -> None:
    matrix = quadratic([1.0, 0.999, 0.998, 0.1])
    found = largest_eigenvalue(lambda v: matrix @ v, START, 1e-12, 5, 0.0)
    assert (found.converged, found.iterations) == (False, 5)
    assert 0.9 < found.value < 1


def test_the_tolerance_is_relative() -> None:
    for scale in (1e-6, 1e6):
        matrix = scale * quadratic([2.0, 1.0, 0.5, -1.5])
        found = largest_eigenvalue(lambda v, m=matrix: m @ v, START, 1e-6, 1000, 0.0)  # type: ignore[misc]
        assert found.converged and found.value == pytest.approx(2 * scale, rel=1e-4)


@pytest.mark.parametrize("folded", [False, True])
def test_the_dense_hessian_of_a_tiny_nin(folded: bool) -> None:
    model = random_nin(channels=2, depth=1)
    model = fold(model) if folded else model
    images, space = random_images(270), counted_space(model)  # more than one batch
    names = counted_names(model)
    dense = torch.autograd.functional.hessian(lambda w: literal_loss(model, names, w, images), space.vector)
    product = hessian_product(space, images)
    ours = torch.stack([product(v) for v in torch.eye(len(space.vector), dtype=torch.float64)])
    torch.testing.assert_close(ours, dense, rtol=1e-9, atol=1e-12)
    eigenvalues = torch.linalg.eigvalsh(dense)
    assert eigenvalues[0] < 0  # of both signs: the sign is tested
    start = torch.ones_like(space.vector)
    largest = eigenvalues[eigenvalues.abs().argmax()].item()
    assert largest_eigenvalue(product, start, 1e-9, 2000, 0.0).value == pytest.approx(largest, rel=1e-5)
    lowest = largest_eigenvalue(product, start, 1e-12, 5000, -2 * abs(largest)).value
    assert lowest == pytest.approx(eigenvalues[0].item(), rel=1e-3)
