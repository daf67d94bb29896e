"""Swin-T (Liu et al. 2021), as torchvision has it, without stochastic depth: a resumed run must repeat its steps."""

from sweep.config.networks import RGB, Network, without_activations

PART = Network(
    name="swin_t",
    meaning="torchvision's Swin-T, windows of 7",
    channels=RGB,
    min_side=32,
    quantizes_activations=False,
    conflict=without_activations,
    pretrained="Swin_T_Weights.IMAGENET1K_V1",
    printed=("Swin-T",),
)
