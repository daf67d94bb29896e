"""The searches for sigma and alpha, plain and magnitude-aware (QGen A, B.2)."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.linalg import vector_norm

from sweep.config.measuring import MeasureConfig
from sweep.measures.bounds.search import MISSED, Excess, SearchResult, bisect, outcome
from sweep.measures.image_set import ImageSet
from sweep.measures.losses import Summary, least_share, loss_gradients, mean_share, perturbed_accuracy
from sweep.measures.noise import gaussians, uniforms
from sweep.measures.space import WeightSpace

Perturb = Callable[[int, float], Tensor]  # (search step, scale) to K perturbations (K, omega)


class Searches:
    """The four searches of one network.

    `initial` are the initial values (omega,) of the perturbed tensors, for the theory's noise. `accuracy` is the
    unperturbed network's on `images`.
    """

    def __init__(self, space: WeightSpace, initial: Tensor, images: ImageSet, config: MeasureConfig) -> None:
        self._space, self._initial, self._images, self._config = space, initial, images, config
        self.accuracy = perturbed_accuracy(space, space.vector[None], images, mean_share, _never).low
        self._base = self.accuracy if config.threshold == "drop" else 1.0

    @property
    def missed(self) -> bool:
        """True where the unperturbed network already misses the threshold; no search has a result then."""
        return bool(self._base - self.accuracy > self._config.target)

    def sigma(self) -> SearchResult:
        """Largest std of Gaussian noise on the weights at which the mean accuracy stays within the threshold."""
        return self._search(lambda step, sigma: self._gaussians(step) * sigma, mean_share)

    def sigma_mag(self) -> SearchResult:
        """Finds what `sigma` does, for the noise of `magnitude_std`."""
        w, config = self._space.vector, self._config
        return self._search(
            lambda step, scale: self._gaussians(step) * magnitude_std(scale, w, self._initial, config), mean_share
        )

    def alpha(self) -> SearchResult:
        """Largest radius of a ball around the weights in which no ascent leaves the threshold.

        |u_i| <= alpha, or |u|_2 <= alpha with ascent=l2.
        """
        ones = torch.ones_like(self._space.vector)
        l2 = self._config.ascent == "l2"
        return self._search(lambda step, alpha: self._ascend(step, ones * alpha, alpha if l2 else None), least_share)

    def alpha_mag(self) -> SearchResult:
        """Finds what `alpha` does, with |u_i| <= alpha |w_i| + eps; so too with ascent=l2, which has no ball of this
        shape.
        """
        w, eps = self._space.vector.abs(), self._config.magnitude_eps
        return self._search(lambda step, alpha: self._ascend(step, alpha * w + eps, None), least_share)

    def _search(self, perturb: Perturb, summary: Summary) -> SearchResult:
        if self.missed:
            return MISSED

        def decided(low: float, high: float) -> bool:
            return outcome(self._base - low, self._config) == outcome(self._base - high, self._config)

        def excess(step: int, scale: float) -> Excess:
            vectors = self._space.vector + perturb(step, scale)
            accuracy = perturbed_accuracy(self._space, vectors, self._images, summary, decided)
            return Excess(self._base - accuracy.high, self._base - accuracy.low, accuracy.images)

        return bisect(excess, self._config)

    def _gaussians(self, step: int) -> Tensor:
        w, config = self._space.vector, self._config
        return gaussians(config.seed, step, config.noise_samples, len(w)).to(w)

    def _ascend(self, step: int, bound: Tensor, radius: float | None) -> Tensor:
        w, config = self._space.vector, self._config
        start = uniforms(config.seed, step, config.restarts, len(w)).to(w) * (bound / 2)
        return ascend(self._space, start, bound, radius, self._images, step, config)


def _never(low: float, high: float) -> bool:
    return False


def magnitude_std(scale: float, w: Tensor, initial: Tensor, config: MeasureConfig) -> Tensor:
    """Std (omega,) of the magnitude-aware noise.

    sqrt(scale^2 w_i^2 + eps^2) by default (QGen's text: relative to |w_i|); with |w_i - w0_i| for |w_i| as the
    theory behind eq. 19 has it; or scale^2 w_i^2 + eps^2, the variance used as std by the code of Dziugaite et
    al. 2020.
    """
    size = w - initial if config.magnitude_noise == "theory" else w
    variance: Tensor = scale**2 * size**2 + config.magnitude_eps**2
    return variance if config.magnitude_noise == "peer" else variance.sqrt()


def ascend(
    space: WeightSpace,
    start: Tensor,
    bound: Tensor,
    radius: float | None,
    images: ImageSet,
    search_step: int,
    config: MeasureConfig,
) -> Tensor:
    """Perturbations (K, omega) that raise the cross entropy, from `start` (K, omega).

    Each step is u + share * bound * sign(gradient) (effective) or u + lr * gradient (paper, l2), then u is projected
    on |u_i| <= bound_i, or on |u|_2 <= radius where one is given. QGen B.2 has lr = 1e-4, with which the ascent does
    nothing. Every step has `ascent_images` of its own, the same for all K.
    """
    u = start
    for step in range(config.ascent_steps):
        batch = images.subset(config.ascent_images, config.seed, search_step, step)
        gradient = loss_gradients(space, space.vector + u, batch)[1]
        u = _project(u + _move(gradient, bound, config), bound, radius)
    return u


def _move(gradient: Tensor, bound: Tensor, config: MeasureConfig) -> Tensor:
    step: Tensor = config.ascent_lr * gradient
    if config.ascent == "effective":
        step = config.ascent_share * bound * gradient.sign()
    return step


def _project(u: Tensor, bound: Tensor, radius: float | None) -> Tensor:
    if radius is None:
        return u.clamp(-bound, bound)
    shrink: Tensor = radius / vector_norm(u, dim=1, keepdim=True)
    return u * shrink.clamp(max=1)
