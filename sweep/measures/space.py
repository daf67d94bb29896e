"""The perturbed tensors of a network as one vector, and networks at any such vectors."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from sweep.measures.network import Network, batched_network
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.weights import flatten

BACKWARD = 2  # memory of a forward and backward pass in units of what the forward pass keeps


@dataclass(frozen=True)
class Batching:
    """The amount that is computed at once; it changes no result of a search."""

    images: int = 250  # per forward pass
    memory_gb: float = 4.0  # for the activations of all sets of weights together


class WeightSpace:
    """The network f(w) for w in R^omega: the parameters `names` of `model`, one after the other.

    `model` is a plain network in evaluation mode; its other parameters and its BN statistics stay fixed. With
    `quantizers`, w are latent weights and f quantizes them with the fixed step sizes; gradients pass straight
    through.
    """

    def __init__(
        self, model: nn.Module, names: list[str], batching: Batching, quantizers: Mapping[str, LSQ] | None = None
    ) -> None:
        self.model = model.requires_grad_(False)
        self.batching = batching
        self.vector = flatten(model, names)
        parameters = dict(model.named_parameters())
        self.shapes = {name: parameters[name].shape for name in names}
        self._image_bytes: int | None = None
        self._quantizers = {name: q.requires_grad_(False) for name, q in (quantizers or {}).items()}

    def tensors(self, vectors: Tensor) -> dict[str, Tensor]:
        """Vectors (..., omega) to one tensor (..., *shape) per name."""
        parts = vectors.split([shape.numel() for shape in self.shapes.values()], dim=-1)
        pairs = zip(self.shapes.items(), parts, strict=True)
        return {name: part.unflatten(-1, shape) for (name, shape), part in pairs}

    def network(self, vectors: Tensor) -> Network:
        """The K networks at `vectors` (K, omega), differentiable in them."""
        weights = self.tensors(vectors)
        quantized = {name: quantize(weights[name]) for name, quantize in self._quantizers.items()}
        return batched_network(self.model, weights | quantized)

    def chunks(self, vectors: Tensor, batch: Tensor, passes: int = 1) -> Iterator[Tensor]:
        """Yields `vectors` (K, omega) in as few parts as the memory allows for the images `batch`."""
        if self._image_bytes is None:
            self._image_bytes = self._bytes_per_image(batch[:1])
        bytes_per_set = passes * len(batch) * self._image_bytes
        yield from vectors.split(max(1, int(self.batching.memory_gb * 1e9 / bytes_per_set)))

    def _bytes_per_image(self, image: Tensor) -> int:
        """Of the patches and outputs of all convolution and linear layers."""
        elements = 0

        def count(module: nn.Module, inputs: object, output: Tensor) -> None:
            nonlocal elements
            weight: Tensor = module.weight  # type: ignore[assignment]
            elements += output.numel() + output.numel() // len(weight) * math.prod(weight.shape[1:])

        layers = [module for module in self.model.modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
        hooks = [layer.register_forward_hook(count) for layer in layers]
        with torch.no_grad():
            self.model(image)
        for hook in hooks:
            hook.remove()
        return elements * image.element_size()
