"""What is known of each network without building it. Nothing here imports torch: plans are made from it."""

from collections.abc import Callable
from dataclasses import dataclass

from sweep.architectures import convolutional, transformers
from sweep.architectures.layers import Layers, NetworkSize

SIZES = ("base_width", "width", "depth")


@dataclass(frozen=True)
class Architecture:
    """`build` names a function of a module of `sweep.models`; `count` adds a network's operations to `Layers`."""

    build: str
    count: Callable[[Layers, NetworkSize, int], None]
    reads: tuple[str, ...] = ()  # of SIZES
    depths: range | None = None  # None: any
    channels: int | None = None  # of the images; None: any
    min_side: int = 1  # of the images
    patch: int | None = None  # images must be square, and their side a multiple of this
    pretrained: str = ""  # torchvision's weights of it; pinned: another set of weights is another run
    quantizes_activations: bool = True  # not where attention multiplies inside, with no layer to take an input from

    def misfit(self, channels: int, height: int, width: int) -> str | None:
        """What kind of images is needed instead of (channels, height, width), or None where these will do."""
        if self.channels not in (None, channels):
            return f"images of {self.channels} channels"
        if min(height, width) < self.min_side:
            return f"images of at least {self.min_side} x {self.min_side}"
        if self.patch is not None and (height != width or height % self.patch):
            return f"square images whose side is a multiple of {self.patch}"
        return None


_RGB = 3


def _resnet(name: str, count: Callable[[Layers, NetworkSize, int], None], weights: str) -> Architecture:
    pretrained = f"{weights}_Weights.IMAGENET1K_V1"
    return Architecture(f"imagenet_resnet.{name}", count, channels=_RGB, min_side=32, pretrained=pretrained)


# The convolutional ones for ImageNet reduce an image by 32, VGG-19 too: smaller ones would be padding alone.
ARCHITECTURES = {
    "nin": Architecture("nin.build", convolutional.nin, SIZES),
    "resnet18": _resnet("resnet18", convolutional.resnet18, "ResNet18"),
    "resnet34": _resnet("resnet34", convolutional.resnet34, "ResNet34"),
    "resnet50": _resnet("resnet50", convolutional.resnet50, "ResNet50"),
    "cifar_resnet18": Architecture("cifar_resnet.resnet18", convolutional.cifar_resnet18, ("base_width",)),
    "cifar_resnet50": Architecture("cifar_resnet.resnet50", convolutional.cifar_resnet50, ("base_width",)),
    "resnet20": Architecture("cifar_resnet.resnet20", convolutional.resnet20),
    "resnet20_b": Architecture("cifar_resnet.resnet20_b", convolutional.resnet20_b),
    "wide_resnet": Architecture(
        "wide_resnet.build", convolutional.wide_resnet, ("width", "depth"), depths=range(10, 1001, 6)
    ),
    "mobilenet_v1": Architecture("mobilenet_v1.build", convolutional.mobilenet_v1),
    "mobilenet_v2": Architecture(
        "mobilenet_v2.build",
        convolutional.mobilenet_v2,
        channels=_RGB,
        min_side=32,
        pretrained="MobileNet_V2_Weights.IMAGENET1K_V1",
    ),
    "cifar_mobilenet_v2": Architecture("mobilenet_v2.build_cifar", convolutional.cifar_mobilenet_v2, channels=_RGB),
    "vgg19": Architecture("vgg19.build", convolutional.vgg19, channels=_RGB, min_side=32),
    "deit_t": Architecture(
        "vit.deit_t", transformers.deit_t, channels=_RGB, patch=transformers.PATCH, quantizes_activations=False
    ),
    "vit_s": Architecture(
        "vit.vit_s", transformers.vit_s, channels=_RGB, patch=transformers.PATCH, quantizes_activations=False
    ),
    "vit_b": Architecture(
        "vit.vit_b",
        transformers.vit_b,
        channels=_RGB,
        patch=transformers.PATCH,
        quantizes_activations=False,
        pretrained="ViT_B_16_Weights.IMAGENET1K_V1",
    ),
    "swin_t": Architecture(
        "swin.build",
        transformers.swin_t,
        channels=_RGB,
        min_side=32,
        quantizes_activations=False,
        pretrained="Swin_T_Weights.IMAGENET1K_V1",
    ),
}
