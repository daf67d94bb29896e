"""MobileNet-V1 (Howard et al. 2017) for small images: the first convolution and the first block keep their size."""

from sweep.config.networks import Network

PART = Network(
    name="mobilenet_v1",
    meaning="MobileNet-V1, for 32 x 32 images",
    printed=("MobileNet-V1",),
)
