"""What measures are taken of: a trained network, its weights in several forms, and the images."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from torch import nn

from sweep.config.measuring import MeasureConfig
from sweep.measures.image_set import ImageSet
from sweep.measures.space import Batching, WeightSpace
from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.weights import counted_names

Columns = dict[str, Any]


@dataclass(frozen=True)
class Subject:
    """A trained run as measures find it: networks in evaluation mode, and training images, on one device.

    `trained` has its quantizers; `latent` and `quantized` are plain networks with w and with Q(w) for its weights.
    """

    trained: nn.Module
    latent: nn.Module
    quantized: nn.Module
    images: ImageSet
    config: MeasureConfig
    batching: Batching

    def space(self, model: nn.Module, quantizers: Mapping[str, LSQ] | None = None) -> WeightSpace:
        """Spans the tensors of `model` that `config` has perturbed, quantized anew where `quantizers` say how."""
        return WeightSpace(model, self._perturbed_names(model), self.batching, quantizers)

    def _perturbed_names(self, model: nn.Module) -> list[str]:
        if self.config.perturbed == "counted":
            return counted_names(model)
        return [name for name, _ in model.named_parameters() if ".input_quantizer." not in name]

    @cached_property
    def curvature_images(self) -> ImageSet:
        """The images that curvature is measured on, the same for every measure."""
        return self.images.subset(self.config.curvature_images, "curvature", self.config.seed)


@dataclass(frozen=True)
class Form:
    """One form of the weights: plain networks, fresh and trained, raw or with BN folded into the convolutions."""

    name: str  # raw or folded
    initial: nn.Module
    trained: nn.Module  # with dequantized weights
    subject: Subject

    @cached_property
    def space(self) -> WeightSpace:
        """The networks around `trained`."""
        return self.subject.space(self.trained)
