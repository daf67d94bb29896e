"""Swin-T (Liu et al. 2021), as torchvision has it, without stochastic depth: a resumed run must repeat its steps."""

from torch import nn

from sweep.architectures.transformers import SWIN_WINDOW
from sweep.config.run import RunConfig
from sweep.data.vision import torchvision


def build(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.SwinTransformer(
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[SWIN_WINDOW, SWIN_WINDOW],
        stochastic_depth_prob=0.0,
        num_classes=classes,
    )
    return model
