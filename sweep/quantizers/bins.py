"""Oscillation-aware bin regularization (VVTQ, Huang et al. 2023): weights gather at the levels they are rounded to."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.quantizers.base import Parts

if TYPE_CHECKING:
    from sweep.quantizers.lsq.quantizer import LSQ


def bin_regularization(model: nn.Module) -> Tensor:
    """Summed over the weight quantizers of LSQ's kind: mean((sg(Q(w)) - clip(w))^2) + sum over bins of Var(clip(w)).

    The variance is the unbiased one of the weights that are rounded to one level, 0 where there are fewer than two.
    Gradients go to the weights inside the clip, and to step sizes where clip(w) = qmin s or qmax s; which weight is in
    which bin is constant.
    """
    return torch.stack([_of_layer(quantizer, weight) for quantizer, weight in weights_and_quantizers(model)]).sum()


def weights_and_quantizers(model: nn.Module) -> Iterator[tuple["LSQ", Tensor]]:
    """Latent weights, and what quantizes them; of attention that is split, part by part."""
    for module in model.modules():
        if isinstance(module, parametrize.ParametrizationList):
            quantizer, weight = module[0], module.original
            parts = quantizer.parts if isinstance(quantizer, Parts) else [quantizer]
            yield from zip(parts, weight.chunk(len(parts)), strict=True)


def _of_layer(quantizer: "LSQ", weight: Tensor) -> Tensor:
    step_size = quantizer.step_size
    with torch.no_grad():
        scaled, codes = quantizer.codes(weight)
        is_inside = (scaled > quantizer.qmin) & (scaled < quantizer.qmax)
        bins = (codes - quantizer.qmin).long().flatten()
    clipped = torch.where(is_inside, weight, codes * step_size)
    distance = ((codes * step_size).detach() - clipped).square().mean()
    return distance + _variances(clipped.flatten(), bins, quantizer.qmax - quantizer.qmin + 1).sum()


def _variances(values: Tensor, bins: Tensor, count: int) -> Tensor:
    """Unbiased variance of the values in each of `count` bins; 0 where there are fewer than two."""
    zeros = values.new_zeros(count)
    sizes = zeros.index_add(0, bins, torch.ones_like(values))
    means = zeros.index_add(0, bins, values.detach()) / sizes.clamp(min=1)  # has no gradient: distances to it sum to 0
    squares = zeros.index_add(0, bins, (values - means[bins]).square())
    return squares / (sizes - 1).clamp(min=1)


def coefficient(largest: float, start: float, epoch: int, epochs: int) -> float:
    """Returns the coefficient of the regularization in `epoch`, counted from 0: 0 before the share `start` of the
    epochs, then half a cosine towards `largest`."""
    begin = start * epochs
    if epoch < begin:
        return 0.0
    return largest * (1 - math.cos(math.pi * (epoch - begin) / (epochs - begin))) / 2
