"""Vision transformers, torchvision's."""

from functools import partial

from torch import nn

from sweep.config.networks import NetworkSize
from sweep.data.vision import torchvision
from sweep.models.vit import PATCH

BLOCKS = 12
HEAD_STD = 0.02


def _vit(
    width: int, heads: int, size: NetworkSize, channels: int, classes: int, image_size: tuple[int, int]
) -> nn.Module:
    transformer = torchvision.models.VisionTransformer(
        image_size[0], PATCH, BLOCKS, heads, width, 4 * width, num_classes=classes
    )
    # torchvision's zeros have no scale for a step size to start from; this is DeiT's
    nn.init.trunc_normal_(transformer.heads.head.weight, std=HEAD_STD)
    model: nn.Module = transformer
    return model


deit_t = partial(_vit, 192, 3)
vit_s = partial(_vit, 384, 6)
vit_b = partial(_vit, 768, 12)
