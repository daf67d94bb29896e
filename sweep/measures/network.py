"""A network with K sets of weights at once: the same images through all of them."""

from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from sweep.models.nin.model import NiN
from sweep.training.weights import quantizes_activations


class Network(Protocol):
    """K networks of one architecture."""

    def logits(self, images: Tensor) -> Tensor:
        """Images (B, C, H, W) to logits (K, B, classes), differentiable in the weights."""
        ...


def batched_network(model: nn.Module, weights: Mapping[str, Tensor]) -> Network:
    """Returns `model` with each parameter in `weights` replaced by K of them (K, *shape); it must be in evaluation
    mode.
    """
    if isinstance(model, NiN) and not quantizes_activations(model):
        return BatchedNiN(model, weights)
    return LoopedNetwork(model, weights)


def loss_sums(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy in nats of logits (K, B, classes), summed over the images: (K,)."""
    per_image = F.cross_entropy(logits.flatten(0, 1), labels.repeat(len(logits)), reduction="none")
    return per_image.view(len(logits), -1).sum(1)


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """The number of images classified right, exact: (K,) int64. The first of equal logits is the answer."""
    return (logits.argmax(2) == labels).sum(1)


class LoopedNetwork:
    """Any network, one set of weights after the other."""

    def __init__(self, model: nn.Module, weights: Mapping[str, Tensor]) -> None:
        self._model, self._weights = model, weights
        self._sets = len(next(iter(weights.values())))

    def logits(self, images: Tensor) -> Tensor:
        members = ({name: stack[k] for name, stack in self._weights.items()} for k in range(self._sets))
        return torch.stack([functional_call(self._model, member, images) for member in members])


class BatchedNiN:
    """NiN with all K sets in one kernel per layer.

    Activations lie as (K, B * H * W, C): a 1x1 convolution is one batched matrix product, a 3x3 convolution the
    same on its patches. BN in evaluation mode is an affine map per channel, which goes into the product.
    """

    def __init__(self, model: NiN, weights: Mapping[str, Tensor]) -> None:
        self._sets = len(next(iter(weights.values())))
        blocks = {f"features.{i}": block for i, block in enumerate(model.features)} | {"head": model.head}
        self._layers = [_Layer(block, name, weights, self._sets) for name, block in blocks.items()]

    def logits(self, images: Tensor) -> Tensor:
        x = images.permute(0, 2, 3, 1).unsqueeze(0)  # (1, B, H, W, C): the sets differ from the first layer on
        for layer in self._layers:
            x = layer(x)
        return x.mean((2, 3))


class _Layer:
    """Convolution, BN or none, ReLU."""

    def __init__(self, block: nn.Module, name: str, weights: Mapping[str, Tensor], sets: int) -> None:
        conv, bn, _ = block.children()
        assert isinstance(conv, nn.Conv2d)

        def of(module: nn.Module, place: int, parameter: str) -> Tensor:
            one = getattr(module, parameter)
            return weights.get(f"{name}.{place}.{parameter}", one.expand(sets, *one.shape))

        weight, bias = of(conv, 0, "weight"), of(conv, 0, "bias")
        if isinstance(bn, nn.BatchNorm2d):
            scale = of(bn, 1, "weight") * torch.rsqrt(bn.running_var + bn.eps)  # type: ignore[operator, arg-type]
            weight = weight * scale[:, :, None, None, None]
            bias = (bias - bn.running_mean) * scale + of(bn, 1, "bias")  # type: ignore[operator]
        self._weight = weight.permute(0, 3, 4, 2, 1).flatten(1, 3)  # (K, kernel^2 * inputs, outputs)
        self._bias = bias.unsqueeze(1)
        self._kernel, self._stride, self._padding = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])

    def __call__(self, x: Tensor) -> Tensor:
        """(K or 1, B, H, W, inputs) to (K, B, H', W', outputs)."""
        patches = x if self._kernel == 1 else _patches(x, self._kernel, self._stride, self._padding)
        rows = patches.flatten(1, 3).expand(len(self._weight), -1, -1)
        out: Tensor = torch.baddbmm(self._bias, rows, self._weight).relu_()
        return out.view(len(out), *patches.shape[1:4], -1)


def _patches(x: Tensor, kernel: int, stride: int, padding: int) -> Tensor:
    """(K, B, H, W, C) to (K, B, H', W', kernel^2 * C), the kernel's rows first."""
    padded = F.pad(x, (0, 0, padding, padding, padding, padding))
    windows = padded.unfold(2, kernel, stride).unfold(3, kernel, stride)  # (K, B, H', W', C, kernel, kernel)
    return windows.permute(0, 1, 2, 3, 5, 6, 4).flatten(4)
