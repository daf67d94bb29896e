"""Accuracy, loss and gradient of many sets of weights against one image after the other."""

from itertools import pairwise

import pytest
import torch

from sweep.measures.image_set import ImageSet
from sweep.measures.losses import (
    Accuracy,
    Summary,
    least_share,
    loss_gradients,
    losses,
    mean_share,
    perturbed_accuracy,
)
from sweep.measures.noise import gaussians, uniforms
from sweep.measures.space import Batching, WeightSpace
from sweep.training.weights import counted_names, fold
from tests.measures.tiny import answered, counted_space, literal_correct, literal_loss, random_images, random_nin


def never(low: float, high: float) -> bool:
    return False


def perturbed(space: WeightSpace, sets: int, std: float = 0.05) -> torch.Tensor:
    return space.vector + std * gaussians(0, 0, sets, len(space.vector)).to(space.vector)


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("summary", [mean_share, least_share])
def test_accuracy_is_that_of_one_image_after_the_other(folded: bool, summary: Summary) -> None:
    model = fold(random_nin()) if folded else random_nin()
    images = answered(random_nin(), random_images(60), wrong=0.2)
    space = counted_space(model, Batching(images=7))
    vectors = perturbed(space, 4)
    counts = [literal_correct(model, counted_names(model), vector, images) for vector in vectors]
    assert len(set(counts)) > 1
    expected = sum(counts) / (4 * 60) if summary is mean_share else min(counts) / 60
    assert perturbed_accuracy(space, vectors, images, summary, never) == Accuracy(expected, expected, 60)


def test_counts_are_bitwise_independent_of_batches_and_memory() -> None:
    model = random_nin(channels=8).float()
    images = answered(model.double(), random_images(300), wrong=0.1)
    model = model.float()
    whole = perturbed_accuracy(
        counted_space(model, Batching(300, 4)), perturbed(counted_space(model), 9, 0.01), images, mean_share, never
    )
    for batching in (Batching(300, 1e-9), Batching(7, 4), Batching(64, 3e-3), Batching(1, 4)):
        space = counted_space(model, batching)
        assert perturbed_accuracy(space, perturbed(space, 9, 0.01), images, mean_share, never) == whole
    assert 0.2 < whole.low < 0.9


def test_memory_decides_how_many_sets_are_computed_together() -> None:
    model, batch = random_nin(channels=4, depth=1), torch.zeros(10, 1, 8, 8, dtype=torch.float64)
    # patches and outputs of conv3x3 1->4, two conv1x1 4->4 and conv1x1 4->10 on 4 x 4 positions
    bytes_per_image = 8 * 16 * ((9 + 4) + 2 * (4 + 4) + (4 + 10))
    vectors = torch.zeros(5, 132, dtype=torch.float64)
    for sets, expected in ((0.5, [1, 1, 1, 1, 1]), (2.5, [2, 2, 1]), (10, [5])):
        space = counted_space(model, Batching(10, sets * 10 * bytes_per_image / 1e9))
        assert [len(chunk) for chunk in space.chunks(vectors, batch)] == expected
        assert len(list(space.chunks(vectors, batch, passes=100))) == 5


@pytest.mark.parametrize("summary", [mean_share, least_share])
def test_bounds_hold_whatever_the_remaining_images_bring(summary: Summary) -> None:
    model, images = random_nin(), answered(random_nin(), random_images(60), wrong=0.2)
    space = counted_space(model, Batching(images=5))
    seen: list[tuple[float, float]] = []

    def record(low: float, high: float) -> bool:
        seen.append((low, high))
        return False

    result = perturbed_accuracy(space, perturbed(space, 4), images, summary, record)
    assert len(seen) == 12
    assert all(low <= result.low <= high for low, high in seen)
    assert all(a[0] <= b[0] and a[1] >= b[1] for a, b in pairwise(seen))
    assert seen[0][1] - seen[0][0] == pytest.approx(55 / 60)


def test_evaluation_stops_as_soon_as_it_is_decided() -> None:
    model, images = random_nin(), answered(random_nin(), random_images(60), wrong=0.0)
    space = counted_space(model, Batching(images=5))
    accuracy = perturbed_accuracy(space, space.vector[None], images, mean_share, lambda low, high: low >= 0.5)
    assert accuracy == Accuracy(0.5, 1.0, 30)


@pytest.mark.parametrize("memory_gb", [4, 1e-9])
def test_losses_and_gradients(memory_gb: float) -> None:
    model = random_nin()
    images = random_images(260)  # more than one batch of gradients
    space, names = counted_space(model, Batching(7, memory_gb)), counted_names(model)
    vectors = perturbed(space, 3)
    leaves = vectors.clone().requires_grad_()
    expected = torch.stack([literal_loss(model, names, leaf, images) for leaf in leaves])
    (gradient,) = torch.autograd.grad(expected.sum(), leaves)
    torch.testing.assert_close(losses(space, vectors, images), expected.detach(), rtol=1e-12, atol=0)
    ours = loss_gradients(space, vectors, images)
    torch.testing.assert_close(ours[0], expected.detach(), rtol=1e-12, atol=0)
    torch.testing.assert_close(ours[1], gradient, rtol=1e-10, atol=1e-14)


def test_noise_is_a_pure_function_of_seed_step_and_sample() -> None:
    for draw in (gaussians, uniforms):
        assert torch.equal(draw(1, 2, 5, 20)[:3], draw(1, 2, 3, 20))
        assert not torch.equal(draw(1, 2, 1, 20), draw(1, 3, 1, 20))
        assert not torch.equal(draw(1, 2, 1, 20), draw(2, 2, 1, 20))
        assert len(draw(1, 2, 5, 20).unique()) == 100
    many = gaussians(0, 0, 4, 50_000)
    assert many.mean().item() == pytest.approx(0, abs=0.01)
    assert many.std().item() == pytest.approx(1, abs=0.01)
    flat = uniforms(0, 0, 4, 50_000)
    assert flat.min() >= -1 and flat.max() < 1
    assert flat.std().item() == pytest.approx(3**-0.5, abs=0.01)


def test_noise_leaves_torchs_global_generator_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    gaussians(0, 0, 2, 10)
    random_images(10).subset(3, 0)
    assert torch.equal(torch.rand(3), expected)


def test_subsets_are_drawn_without_replacement_and_keep_labels() -> None:
    images = random_images(50)
    images = ImageSet(images.images, torch.arange(50), images.normalize)
    subset = images.subset(20, "test", 1)
    assert len(set(subset.labels.tolist())) == 20
    assert torch.equal(subset.images, images.images[subset.labels])
    assert torch.equal(subset.labels, images.subset(20, "test", 1).labels)
    assert not torch.equal(subset.labels, images.subset(20, "test", 2).labels)
    assert images.subset(0, 1) is images and images.subset(50, 1) is images
