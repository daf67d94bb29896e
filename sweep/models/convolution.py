"""Convolutions with a bias that BN takes away again, and those that some CPUs' kernels get wrong."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


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


class SubsampledConv2d(nn.Conv2d):
    """A 1x1 convolution with a stride as, on a CPU, one without it of every `stride`-th pixel: the same function.

    oneDNN 3.12 (torch 2.13) writes beyond its memory in the backward pass of such a convolution of few channels in
    channels-last layout: of fewer than 8 with AVX2, in large batches or images with AVX-512 too
    (benchmarks/convolutions.md).
    """

    def forward(self, images: Tensor) -> Tensor:
        """Maps (B, inputs, H, W) to (B, outputs, H / stride, W / stride), sizes rounded up."""
        if images.device.type != "cpu":
            return super().forward(images)
        rows, columns = self.stride
        return F.conv2d(images[..., ::rows, ::columns], self.weight, self.bias, groups=self.groups)


def subsample_pointwise(model: nn.Module) -> nn.Module:
    """Has the 1x1 convolutions with a stride in `model` run as `SubsampledConv2d`, in place."""
    for conv in model.modules():
        if type(conv) is nn.Conv2d and conv.kernel_size == (1, 1) and conv.padding == (0, 0) and max(conv.stride) > 1:
            conv.__class__ = SubsampledConv2d
    return model
