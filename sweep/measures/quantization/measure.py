"""Step sizes and quantization error."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from sweep.measures.subject import Columns, Subject
from sweep.training.weights import quantizers


def of_run(subject: Subject) -> Columns:
    """The step sizes of the layers that have one, and the mean |Q(w) - w| over their weights, None where none has."""
    steps = step_sizes(subject.trained)
    noise = quantization_noise(subject.latent, subject.quantized, steps)
    return {
        "layers": list(steps),
        "step_sizes": list(steps.values()),
        "quantization_error": quantization_error(noise),
    }


def step_sizes(trained: nn.Module) -> dict[str, float]:
    """The learned step size of each quantized weight, by name, in the order of the network (QGen Figure 1)."""
    return {name: quantizer.step_size.item() for name, quantizer in quantizers(trained).items()}


def quantization_noise(latent: nn.Module, quantized: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """Q(w) - w of the weights `names`, from the plain networks with latent and with quantized weights."""
    return {name: (quantized.get_parameter(name) - latent.get_parameter(name)).detach() for name in names}


def quantization_error(noise: Mapping[str, Tensor]) -> float | None:
    """Mean |Q(w) - w| over all quantized weights (noise tempering Table 6a); None where there is none."""
    if not noise:
        return None
    return torch.cat([delta.double().abs().flatten() for delta in noise.values()]).mean().item()
