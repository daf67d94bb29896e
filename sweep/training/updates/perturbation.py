"""What SAM and SAQ perturb, and how: eps = rho g / ||g||, one norm over all of it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.parameters import keep_positive, positive_parameters
from sweep.quantizers.placement import layer_weights
from sweep.training.updates.efficient import EPSILON

_NORMS = (_NormBase, nn.LayerNorm, nn.GroupNorm)


class Perturbed(Protocol):
    """A tensor that can be shifted and set back; the shift is a constant for the gradients."""

    def watch(self) -> None:
        """Prepares the forward pass whose gradient is asked for."""

    def gradient(self) -> Tensor: ...

    def shift(self, eps: Tensor) -> None: ...

    def restore(self) -> None: ...


class InPlace:
    """A parameter, shifted where it is: a weight before its quantizer."""

    def __init__(self, parameter: nn.Parameter) -> None:
        self._parameter = parameter

    def watch(self) -> None:
        pass

    def gradient(self) -> Tensor:
        gradient = self._parameter.grad  # None for what a bypassed quantizer has learned
        return torch.zeros_like(self._parameter) if gradient is None else gradient

    def shift(self, eps: Tensor) -> None:
        self._before = self._parameter.clone()
        self._parameter.add_(eps)

    def restore(self) -> None:
        self._parameter.copy_(self._before)
        del self._before


class AfterQuantizer:
    """A quantized weight: its layer gets Q(w) + eps. The gradient is that of Q(w), or with `latent` that of w."""

    def __init__(self, quantizer: Quantizer, weight: nn.Parameter, latent: bool) -> None:
        self._weight, self._latent = weight, latent
        self._eps: Tensor | None = None
        quantizer.register_forward_hook(self._add)

    def _add(self, quantizer: nn.Module, args: tuple[Tensor], quantized: Tensor) -> Tensor:
        return quantized if self._eps is None else quantized + self._eps

    def watch(self) -> None:
        if not self._latent:  # the gradient of a zero that is added is that of Q(w)
            self._eps = torch.zeros_like(self._weight).requires_grad_()

    def gradient(self) -> Tensor:
        source = self._weight if self._latent else self._eps
        assert source is not None and source.grad is not None
        return source.grad

    def shift(self, eps: Tensor) -> None:
        self._eps = eps

    def restore(self) -> None:
        self._eps = None


class Perturbation:
    """The perturbation eps of what `run` perturbs: the weights of convolutions, linear layers and attention, and more
    where it says so.

    A weight without a quantizer is shifted where it is, which is what every case of SAQ means for it.
    """

    def __init__(self, run: RunConfig, model: nn.Module) -> None:
        self._rho = run.rho
        after = run.saq_case if run.saq_case != 2 else 0
        self._perturbed = [_perturbed(layer, name, after) for layer, name, _ in layer_weights(model)]
        self._perturbed += [InPlace(parameter) for parameter in _others(run, model)]
        self._positive = positive_parameters(model) if run.perturb_clips else []

    def watch(self) -> None:
        for tensor in self._perturbed:
            tensor.watch()

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Perturbs the forward pass inside, from the gradients of the backward pass before."""
        self._shift()
        yield
        self._restore()

    @torch.no_grad()
    def _shift(self) -> None:
        gradients = [tensor.gradient() for tensor in self._perturbed]
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(g) for g in gradients]))
        factor = self._rho / (norm + EPSILON)
        for tensor, gradient in zip(self._perturbed, gradients, strict=True):
            tensor.shift(gradient * factor)
        if self._positive:
            keep_positive(self._positive)

    @torch.no_grad()
    def _restore(self) -> None:
        for tensor in self._perturbed:
            tensor.restore()


def _perturbed(layer: nn.Module, name: str, after: int) -> Perturbed:
    """The weight `name` of `layer`; `after`: the case of SAQ that adds eps to what its quantizer gives, or 0."""
    quantizer, weight = quantizer_and_weight(layer, name)
    if quantizer is None or not after:
        return InPlace(weight)
    return AfterQuantizer(quantizer, weight, latent=after == 1)


def quantizer_and_weight(layer: nn.Module, name: str) -> tuple[Quantizer | None, nn.Parameter]:
    parametrizations: Any = getattr(layer, "parametrizations", {})
    if name not in parametrizations:
        return None, getattr(layer, name)
    return parametrizations[name][0], parametrizations[name].original


def _others(run: RunConfig, model: nn.Module) -> Iterator[nn.Parameter]:
    """The parameters that are perturbed besides the weights."""
    weights = {id(quantizer_and_weight(layer, name)[1]) for layer, name, _ in layer_weights(model)}
    for module in model.modules():
        if isinstance(module, Quantizer):
            is_perturbed = run.perturb_clips
        else:
            is_perturbed = run.perturb_norms if isinstance(module, _NORMS) else run.perturb_biases
        if is_perturbed:
            yield from (p for p in module.parameters(recurse=False) if id(p) not in weights)
