"""R(Delta) against Jacobians formed one image at a time, and against sampled noise."""

import pytest
import torch
from torch.func import functional_call

from sweep.measures.regularizer.measure import actual_regularizer, uniform_regularizer
from sweep.measures.space import Batching, WeightSpace
from sweep.training.weights import counted_names
from tests.measures.tiny import PlainLinear, counted_space, random_images, random_nin, with_vector


def literal_jacobians(space: WeightSpace, names: list[str], images: torch.Tensor) -> list[torch.Tensor]:
    return [
        torch.autograd.functional.jacobian(
            lambda w, image=image: functional_call(space.model, with_vector(space.model, names, w), image[None])[0],
            space.vector,
        )
        for image in images
    ]


@pytest.mark.parametrize("memory_gb", [4, 1e-9])
@pytest.mark.parametrize("quantized", [slice(None), slice(1, 4)])  # all layers, or not the first nor the last
def test_both_forms(memory_gb: float, quantized: slice) -> None:
    model = random_nin(channels=3, depth=1)
    names = counted_names(model)[quantized]
    space = WeightSpace(model, names, Batching(5, memory_gb))
    images = random_images(12)
    steps = {name: 0.1 * (i + 1) for i, name in enumerate(names)}
    noise = {name: 0.05 * torch.randn(model.get_parameter(name).shape, dtype=torch.float64) for name in names}
    s2 = torch.cat([torch.full((noise[name].numel(),), steps[name] ** 2, dtype=torch.float64) for name in names])
    delta = torch.cat([noise[name].flatten() for name in names])
    jacobians = literal_jacobians(space, names, images.normalize(images.images))
    uniform = sum((j**2 @ (s2 / 12)).sum().item() for j in jacobians) / 12
    actual = sum((j @ delta).square().sum().item() for j in jacobians) / 12
    assert uniform_regularizer(space, steps, images) == pytest.approx(uniform, rel=1e-10)
    assert actual_regularizer(space, noise, images) == pytest.approx(actual, rel=1e-10)


def test_uniform_noise_on_a_linear_model() -> None:
    """J of each logit is the image: R = classes * s^2 / 12 * mean |x|^2; and so it is for sampled noise."""
    model, images = PlainLinear(torch.randn(3, 16, dtype=torch.float64)), random_images(20, side=4, classes=3)
    space = counted_space(model)
    x = images.normalize(images.images).flatten(1)
    expected = 3 * 0.2**2 / 12 * (x**2).sum(1).mean().item()
    assert uniform_regularizer(space, {"linear.weight": 0.2}, images) == pytest.approx(expected, rel=1e-12)
    torch.manual_seed(0)
    draws = 0.2 * (torch.rand(2000, 3, 16, dtype=torch.float64) - 0.5)
    sampled = torch.stack([torch.tensor(actual_regularizer(space, {"linear.weight": d}, images)) for d in draws])
    assert sampled.mean().item() == pytest.approx(expected, rel=0.05)
