"""Filter normalization and the grid of losses."""

import pytest
import torch

from sweep.measures.landscape.measure import filter_normalized, landscape, random_direction
from sweep.measures.space import Batching, WeightSpace
from sweep.training.weights import counted_names
from tests.measures.tiny import counted_space, literal_loss, random_images, random_nin


def test_each_filter_gets_the_norm_of_its_weights() -> None:
    model = random_nin(channels=3, depth=1)
    space = WeightSpace(model, [name for name, _ in model.named_parameters()], Batching())
    direction = random_direction(space, 0, 0)
    normalized = space.tensors(filter_normalized(space, direction))
    for name, d in normalized.items():
        w, before = model.get_parameter(name), space.tensors(direction)[name]
        if w.dim() == 1:
            assert (d == 0).all()
            continue
        for filter_d, filter_w, filter_before in zip(d, w, before, strict=True):
            assert filter_d.norm().item() == pytest.approx(filter_w.norm().item(), rel=1e-8)
            cosine = (filter_d * filter_before).sum() / filter_d.norm() / filter_before.norm()
            assert cosine.item() == pytest.approx(1)


def test_a_zero_filter_of_a_direction_stays_zero() -> None:
    space = counted_space(random_nin())
    assert (filter_normalized(space, torch.zeros_like(space.vector)) == 0).all()


def test_random_directions_differ_and_repeat() -> None:
    space = counted_space(random_nin(channels=30))
    first, second = random_direction(space, 0, 0), random_direction(space, 0, 1)
    assert torch.equal(first, random_direction(space, 0, 0))
    assert not torch.equal(first, random_direction(space, 1, 0))
    cosine = (first @ second / first.norm() / second.norm()).item()
    assert 0 < abs(cosine) < 5 * len(first) ** -0.5


@pytest.mark.parametrize("memory_gb", [4, 1e-9])
def test_the_grid_of_losses(memory_gb: float) -> None:
    model, images = random_nin(), random_images(30)
    space, names = counted_space(model, Batching(7, memory_gb)), counted_names(model)
    first, second = random_direction(space, 0, 0), 0.3 * random_direction(space, 0, 1)
    axis = torch.tensor([-0.2, 0.0, 0.5])
    with torch.no_grad():
        expected = [
            [literal_loss(model, names, space.vector + x * first + y * second, images).item() for y in axis.double()]
            for x in axis.double()
        ]
    grid = landscape(space, first, second, axis, images)
    torch.testing.assert_close(grid, torch.tensor(expected, dtype=torch.float64), rtol=1e-10, atol=0)
    assert grid[0, 2] != pytest.approx(grid[2, 0].item())
