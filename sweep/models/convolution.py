"""Convolutions with a bias that BN takes away again."""

import torch
from torch import nn


def conv_before_bn(inputs: int, outputs: int, kernel: int, stride: int) -> nn.Conv2d:
    """A convolution with padding kernel // 2, whose bias stays as it was initialised."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding=kernel // 2)
    keep_bias(conv)
    return conv


def keep_bias(conv: nn.Conv2d) -> None:
    """Makes the gradient of the bias of a convolution before BN exactly zero.

    autograd finds what rounding leaves of zero, which Adam and RMSprop would scale up to steps of a full learning rate
    in random directions.
    """
    assert conv.bias is not None
    conv.bias.register_hook(torch.zeros_like)
