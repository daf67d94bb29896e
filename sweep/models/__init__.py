"""Networks."""

from torch import nn

from sweep.config import RunConfig
from sweep.models.nin import NiN


def build_model(run: RunConfig, channels: int, classes: int) -> nn.Module:
    """The unquantized network of `run` for images (B, channels, H, W), with PyTorch's default initial weights."""
    return NiN(channels, classes, run.base_width * run.width, run.depth)
