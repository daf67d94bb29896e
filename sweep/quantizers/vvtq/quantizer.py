"""VVTQ's quantizers for vision transformers (Huang et al. 2023): LSQ with step gradients that depend on the module.

Of its activations inside attention there is nothing here: PyTorch's attention multiplies where no quantizer can be.
"""

from torch import Tensor

from sweep.config.run import RunConfig
from sweep.quantizers.base import Quantizer
from sweep.quantizers.lsq.quantizer import LSQ, ActivationLSQ, fake_quantize


class VVTQ(LSQ):
    """LSQ whose step gradient is scaled by 1 / sqrt(qmax * ||w||_1), of the weights as they are."""

    def forward(self, weight: Tensor) -> Tensor:
        scale = (self.qmax * weight.detach().abs().sum()).rsqrt()
        return fake_quantize(weight, self.step_size, self.qmin, self.qmax, scale)


class ActivationVVTQ(ActivationLSQ):
    """LSQ of a layer's input whose step gradient is scaled by 1 / (sqrt(N) * qmax), as in the public code."""

    def grad_scale(self, x: Tensor) -> Tensor:
        features = x.numel() if self.per_batch else x[0].numel()
        scale: Tensor = 1 / (features**0.5 * self.qmax)
        return scale


def weight_quantizer(run: RunConfig, weight: Tensor, bits: int, layer: int) -> Quantizer:
    return VVTQ(weight, bits)


def activation_quantizer(run: RunConfig, bits: int) -> Quantizer:
    return ActivationVVTQ(bits, per_batch=run.act_grad_scale == "batch")
