"""Multiply-accumulates of the vision transformers."""

from functools import partial

from sweep.architectures.layers import Layers, NetworkSize

PATCH = 16
BLOCKS = 12
SWIN_WINDOW = 7


def _vit(channels: int, layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.patches(channels, PATCH)
    tokens = layers.positions + 1  # the class token
    for _ in range(BLOCKS):
        layers.attention(tokens, tokens)
        layers.mlp(tokens)
    layers.linear(classes)


deit_t = partial(_vit, 192)
vit_s = partial(_vit, 384)
vit_b = partial(_vit, 768)


def swin_t(layers: Layers, size: NetworkSize, classes: int) -> None:
    layers.patches(96, 4)
    for stage, blocks in enumerate((2, 2, 6, 2)):
        if stage:
            layers.downsample(2)
            layers.channels *= 4  # four neighbours become one position
            layers.linear(layers.channels // 2, layers.positions)
        padded = (-(-side // SWIN_WINDOW) * SWIN_WINDOW for side in (layers.height, layers.width))
        tokens = next(padded) * next(padded)
        for _ in range(blocks):
            layers.attention(tokens, SWIN_WINDOW**2)
            layers.mlp(layers.positions)
    layers.linear(classes)
