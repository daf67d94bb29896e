"""Networks; `sweep.architectures` says which there are."""

from importlib import import_module

from torch import nn

from sweep.architectures import ARCHITECTURES
from sweep.config.run import RunConfig
from sweep.models.convolution import subsample_pointwise


def build_model(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    """The unquantized network of `run` with its library's default initial weights.

    It takes images (B, channels, *image_size) to logits (B, classes).
    """
    module, function = ARCHITECTURES[run.model].build.split(".")
    model: nn.Module = getattr(import_module(f"sweep.models.{module}"), function)(run, channels, classes, image_size)
    return subsample_pointwise(model)
