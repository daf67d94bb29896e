"""sigma and alpha: against closed forms on a linear model and literal searches on a tiny NiN."""

import dataclasses
import math
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from sweep.config.measuring import MeasureConfig, make_measure_config
from sweep.measures.bounds.perturbation import Searches, magnitude_std
from sweep.measures.bounds.search import SearchResult
from sweep.measures.image_set import ImageSet
from sweep.measures.noise import generator
from sweep.measures.space import Batching, WeightSpace
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.weights import counted_names
from tests.measures.tiny import (
    PlainLinear,
    answered,
    counted_space,
    literal_correct,
    literal_loss,
    random_images,
    random_nin,
)

A = 0.3  # the linear model's weights are -A and A
Z90 = 1.2815515655446004  # the normal distribution's quantile of 0.9
STEEP = 2 / 2**14  # what the last of 15 steps leaves open


def linear_searches(initial: Tensor | None = None, **settings: Any) -> Searches:
    """Two classes, one pixel, every pixel 1, every label 1: right where (A + u1) - (-A + u0) > 0."""
    model = PlainLinear(torch.tensor([[-A], [A]], dtype=torch.float64))
    images = ImageSet(
        torch.ones(4, 1, 1, 1, dtype=torch.uint8), torch.ones(4, dtype=torch.int64), lambda batch: batch.double()
    )
    space = counted_space(model)
    start = torch.zeros_like(space.vector) if initial is None else initial
    return Searches(space, start, images, make_measure_config(settings))


def drop_at(std: float) -> float:
    """Of the linear model under Gaussian noise of `std` on both weights, in closed form."""
    return 0.5 * math.erfc(math.sqrt(2) * A / std / math.sqrt(2))


@pytest.mark.parametrize("search", ["sigma", "sigma_mag"])
def test_sigma_of_a_linear_model(search: str) -> None:
    result = getattr(linear_searches(noise_samples=2000), search)()
    std = result.value if search == "sigma" else math.hypot(result.value * A, 1e-3)
    assert result.converged
    assert drop_at(std) == pytest.approx(0.1, abs=0.01 + 3 * math.sqrt(0.09 / 2000))
    assert std == pytest.approx(math.sqrt(2) * A / Z90, rel=0.1)


def test_alpha_of_a_linear_model() -> None:
    """The worst corner is u = (alpha, -alpha): right up to alpha = A, then wrong."""
    result = linear_searches().alpha()
    assert result.value == pytest.approx(A, abs=2 * STEEP)
    assert not result.converged and not result.saturated


def test_magnitude_aware_alpha_of_a_linear_model() -> None:
    assert linear_searches().alpha_mag().value == pytest.approx((A - 1e-3) / A, abs=2 * STEEP)


def test_alpha_in_an_l2_ball() -> None:
    """The worst point is (alpha, -alpha) / sqrt(2); magnitude-aware it stays the box."""
    searches = linear_searches(ascent="l2", ascent_lr=10, search_ceiling=1)
    assert searches.alpha().value == pytest.approx(math.sqrt(2) * A, abs=2 * STEEP)
    assert searches.alpha_mag().value == pytest.approx((A - 1e-3) / A, abs=2 * STEEP)


def test_with_the_papers_learning_rate_the_ascent_does_nothing() -> None:
    """Only the start, uniform on half the ball, decides: 2 A < |u1 - u0| <= alpha."""
    value = linear_searches(ascent="paper").alpha().value
    assert value is not None and value > 1.5 * A
    assert linear_searches(ascent="paper", ascent_lr=10).alpha().value == pytest.approx(A, abs=2 * STEEP)


def test_one_restart_is_worse_than_ten_at_finding_the_worst() -> None:
    one, ten = (linear_searches(ascent="paper", restarts=n).alpha().value for n in (1, 10))
    assert one is not None and ten is not None and ten < one


def test_the_threshold_as_printed_may_be_missed_already() -> None:
    model, images = random_nin(), answered(random_nin(), random_images(60), wrong=0.2)
    space = counted_space(model)
    for threshold, missed in (("error", True), ("drop", False)):
        searches = Searches(space, space.vector, images, make_measure_config({"threshold": threshold}))
        assert (searches.missed, searches.accuracy) == (missed, 48 / 60)
    searches = Searches(space, space.vector, images, make_measure_config({"threshold": "error"}))
    for search in (searches.sigma, searches.alpha_mag):
        assert search() == SearchResult(None, converged=False, saturated=False, history=())


def test_magnitude_aware_noise() -> None:
    w, w0 = torch.tensor([0.5, -2.0]), torch.tensor([0.2, 1.0])
    stds = {
        "weights": [math.sqrt(9 * 0.25 + 1e-6), math.sqrt(9 * 4 + 1e-6)],
        "theory": [math.sqrt(9 * 0.09 + 1e-6), math.sqrt(9 * 9 + 1e-6)],
        "peer": [9 * 0.25 + 1e-6, 9 * 4 + 1e-6],
    }
    for name, expected in stds.items():
        config = make_measure_config({"magnitude_noise": name})
        assert magnitude_std(3.0, w, w0, config).tolist() == pytest.approx(expected)


def literal_search(excess: Any, config: MeasureConfig) -> list[tuple[float, float]]:
    """Scale and displacement of each step, bisecting as the code of Dziugaite et al. 2020, without its abs()."""
    low, high, steps = 0.0, config.search_ceiling, []
    for step in range(config.search_steps):
        scale = (low + high) / 2
        displacement = excess(step, scale)
        steps.append((scale, displacement))
        if abs(displacement - config.target) < config.tolerance:
            break
        if displacement > config.target:
            high = scale
        else:
            low = scale
    return steps


def literal_sigma(
    model: nn.Module, w0: Tensor, images: ImageSet, config: MeasureConfig, mag: bool
) -> list[tuple[float, float]]:
    names = counted_names(model)
    w = torch.cat([model.get_parameter(name).detach().flatten() for name in names])
    before = literal_correct(model, names, w, images) / len(images)

    def excess(step: int, scale: float) -> float:
        counts = []
        for sample in range(config.noise_samples):
            noise = torch.randn(len(w), generator=generator("gaussian", config.seed, step, sample)).double()
            size = w - w0 if config.magnitude_noise == "theory" else w
            std = (scale**2 * size**2 + 1e-6).sqrt() if mag else scale
            counts.append(literal_correct(model, names, w + std * noise, images))
        after = sum(counts) / len(counts) / len(images)
        return (before if config.threshold == "drop" else 1) - after

    return literal_search(excess, config)


def assert_same_search(result: SearchResult, literal: list[tuple[float, float]], images: int) -> None:
    assert result.value == literal[-1][0]
    assert [step.scale for step in result.history] == [scale for scale, _ in literal]
    for step, (_, displacement) in zip(result.history, literal, strict=True):
        unseen = 1 - step.excess.images / images
        assert step.excess.low - 1e-12 <= displacement <= step.excess.high + 1e-12
        assert step.excess.high - step.excess.low <= unseen + 1e-12


CASES = [
    {},
    {"threshold": "error", "target": 0.3, "seed": 1},
    {"magnitude_noise": "theory", "search_ceiling": 0.5, "seed": 2},
]


@pytest.mark.parametrize("settings", CASES)
@pytest.mark.parametrize("mag", [False, True])
def test_sigma_is_that_of_the_literal_search(settings: dict[str, Any], mag: bool) -> None:
    """Which evaluates every image; ours stops early."""
    model, images = random_nin(channels=2), answered(random_nin(channels=2), random_images(50), wrong=0.1)
    config = make_measure_config({"noise_samples": 3, "search_steps": 6} | settings)
    w0 = 0.5 * torch.ones(len(counted_space(model).vector), dtype=torch.float64)
    searches = Searches(counted_space(model, Batching(images=4)), w0, images, config)
    result = searches.sigma_mag() if mag else searches.sigma()
    assert_same_search(result, literal_sigma(model, w0, images, config, mag), len(images))
    assert any(step.excess.images < len(images) for step in result.history)


def literal_ascent(
    model: nn.Module, images: ImageSet, config: MeasureConfig, step: int, alpha: float, mag: bool
) -> int:
    """The least number of images classified right over the restarts."""
    names = counted_names(model)
    w = torch.cat([model.get_parameter(name).detach().flatten() for name in names])
    bound = alpha * w.abs() + 1e-3 if mag else torch.full_like(w, alpha)
    counts = []
    for restart in range(config.restarts):
        drawn = torch.rand(len(w), generator=generator("uniform", config.seed, step, restart)) * 2 - 1
        u = drawn.double() * bound / 2
        for t in range(config.ascent_steps):
            u = u.requires_grad_()
            batch = images.subset(config.ascent_images, config.seed, step, t)
            (gradient,) = torch.autograd.grad(literal_loss(model, names, w + u, batch), u)
            if config.ascent == "effective":
                u = u.detach() + config.ascent_share * bound * gradient.sign()
            else:
                u = u.detach() + config.ascent_lr * gradient
            if config.ascent == "l2" and not mag:
                u = u * min(1.0, alpha / u.norm().item())
            else:
                u = torch.maximum(torch.minimum(u, bound), -bound)
        counts.append(literal_correct(model, names, w + u, images))
    return min(counts)


@pytest.mark.parametrize(
    "settings", [{}, {"ascent": "paper", "ascent_lr": 0.5}, {"ascent": "l2", "ascent_lr": 0.5, "ascent_images": 0}]
)
@pytest.mark.parametrize("mag", [False, True])
def test_alpha_is_that_of_the_literal_search(settings: dict[str, Any], mag: bool) -> None:
    model, images = random_nin(channels=2), answered(random_nin(channels=2), random_images(40), wrong=0.1)
    small = {"restarts": 2, "search_steps": 5, "ascent_steps": 3, "ascent_images": 16, "search_ceiling": 0.5}
    config = make_measure_config(small | settings)
    searches = Searches(counted_space(model, Batching(40, 1e-9)), torch.zeros(1), images, config)
    result = searches.alpha_mag() if mag else searches.alpha()
    names = counted_names(model)
    w = torch.cat([model.get_parameter(name).detach().flatten() for name in names])
    before = literal_correct(model, names, w, images)
    literal = literal_search(
        lambda step, alpha: (before - literal_ascent(model, images, config, step, alpha, mag)) / len(images), config
    )
    assert_same_search(result, literal, len(images))
    assert all(step.excess.images == len(images) for step in result.history)


@pytest.mark.parametrize("search", ["sigma", "sigma_mag", "alpha", "alpha_mag"])
def test_searches_are_deterministic_and_independent_of_batches_and_memory(search: str) -> None:
    """In float32, bit for bit."""
    images = answered(random_nin(), random_images(100), wrong=0.1)
    model = random_nin().float()
    fine = {"search_steps": 10, "search_ceiling": 0.1, "tolerance": 1e-3}
    config = make_measure_config({"noise_samples": 4, "restarts": 3, "ascent_steps": 4} | fine)

    def result(batching: Batching, seed: int = 0) -> Any:
        space = counted_space(model, batching)
        searches = Searches(space, space.vector, images, dataclasses.replace(config, seed=seed))
        found = getattr(searches, search)()
        return found.value, found.converged, found.saturated, [step.scale for step in found.history]

    whole = result(Batching(100, 4))
    assert whole == result(Batching(100, 4))
    for batching in (Batching(3, 4), Batching(100, 1e-9), Batching(17, 1e-4)):
        assert result(batching) == whole
    assert any(result(Batching(100, 4), seed=seed)[0] != whole[0] for seed in (1, 2))


def test_latent_weights_are_quantized_anew() -> None:
    """Noise far below half a step vanishes in the rounding; the ascent goes straight through it."""
    model, images = random_nin(channels=2), answered(random_nin(channels=2), random_images(40), wrong=0.0)
    names = counted_names(model)
    quantizers = {name: LSQ(model.get_parameter(name).detach(), 2).double() for name in names}
    for quantizer in quantizers.values():
        quantizer.step_size.data *= 0.6  # so that some weights are clipped
    space = WeightSpace(model, names, Batching(), quantizers)
    vectors = space.vector + 1e-9 * torch.randn(2, len(space.vector), dtype=torch.float64)
    batch = images.normalize(images.images)
    quantized = {name: quantizers[name](model.get_parameter(name)) for name in names}
    expected = functional_call(model, quantized, batch).expand(2, -1, -1)
    torch.testing.assert_close(space.network(vectors).logits(batch), expected, rtol=1e-12, atol=1e-13)
    leaf = space.vector[None].clone().requires_grad_()
    loss = F.cross_entropy(space.network(leaf).logits(batch)[0], images.labels)
    (gradient,) = torch.autograd.grad(loss, leaf)
    at_quantized = torch.cat([q.flatten() for q in quantized.values()]).detach().requires_grad_()
    (plain,) = torch.autograd.grad(literal_loss(model, names, at_quantized, images), at_quantized)
    scaled = torch.cat([(space.tensors(space.vector)[n] / quantizers[n].step_size).flatten() for n in names])
    inside = (scaled > -2) & (scaled < 1)
    assert 0 < inside.sum() < len(inside)
    torch.testing.assert_close(gradient[0], plain * inside, rtol=1e-9, atol=1e-14)
