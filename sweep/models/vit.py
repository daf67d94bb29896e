"""Vision transformers (Dosovitskiy et al. 2021; DeiT-T: Touvron et al. 2021), as torchvision has them."""

from functools import partial

from torch import nn

from sweep.architectures.transformers import BLOCKS, PATCH
from sweep.config.run import RunConfig
from sweep.data.vision import torchvision

HEAD_STD = 0.02


def _vit(width: int, heads: int, run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> nn.Module:
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
