"""VGG-19 (Simonyan & Zisserman 2015) for 32 x 32 images: torchvision's convolutions with BN, one linear layer."""

from sweep.config.networks import RGB, Network

PART = Network(
    name="vgg19",
    meaning="VGG-19 with batch normalization and one linear layer, for 32 x 32 images",
    channels=RGB,
    min_side=32,  # it reduces an image by 32: smaller ones would be padding alone
    printed=("VGG-19",),
)
