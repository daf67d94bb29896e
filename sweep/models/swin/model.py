"""Swin-T, torchvision's."""

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision


def build(size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
    model: nn.Module = torchvision.models.SwinTransformer(
        patch_size=[4, 4],
        embed_dim=96,
        depths=[2, 2, 6, 2],
        num_heads=[3, 6, 12, 24],
        window_size=[7, 7],
        stochastic_depth_prob=0.0,
        num_classes=classes,
    )
    return model
