"""Networks, one folder each or per family: what is known of them, without torch, and beside it the code."""

from typing import TYPE_CHECKING

from sweep.config.networks import network_of

if TYPE_CHECKING:
    from torch import nn

    from sweep.config.run import RunConfig


def build_model(run: "RunConfig", channels: int, classes: int, image_size: tuple[int, int]) -> "nn.Module":
    """The unquantized network of `run` with its library's default initial weights.

    It takes images (B, channels, *image_size) to logits (B, classes).
    """
    from sweep.models.convolution import subsample_pointwise

    return subsample_pointwise(network_of(run.model).builder()(run, channels, classes, image_size))
