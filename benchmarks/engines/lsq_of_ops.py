"""LSQ as most code has it: ordinary operations, gradients steered with detach, one layer class."""

from collections.abc import Iterable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.training.state import initial_model

Limit = Any  # an int, or a tensor with one per member of an array


def _round(x: Tensor) -> Tensor:
    return (x.round() - x).detach() + x


def _scale_gradient(x: Tensor, factor: Any) -> Tensor:
    scaled: Tensor = x * factor
    return (x - scaled).detach() + scaled


def fake_quantize(v: Tensor, s: Tensor, qmin: Limit, qmax: Limit, grad_scale: Any) -> Tensor:
    """s * rint(clip(v / s, qmin, qmax)); equal to `sweep.quantizers.lsq` but where v / s is qmin or qmax."""
    s = _scale_gradient(s, grad_scale)
    quantized: Tensor = _round((v / s).clamp(qmin, qmax)) * s
    return quantized


class LSQConv2d(nn.Conv2d):
    """`conv` with its weight quantized to `bits`."""

    def __init__(self, conv: nn.Conv2d, bits: int) -> None:
        kernel, stride, padding = conv.kernel_size[0], conv.stride[0], int(conv.padding[0])
        super().__init__(conv.in_channels, conv.out_channels, kernel, stride, padding)
        self.load_state_dict(conv.state_dict())
        self.qmin, self.qmax = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
        self.grad_scale = (self.weight.numel() * self.qmax) ** -0.5
        self.step_size = nn.Parameter(2 * self.weight.detach().abs().mean() / self.qmax**0.5)

    def forward(self, x: Tensor) -> Tensor:
        weight = fake_quantize(self.weight, self.step_size, self.qmin, self.qmax, self.grad_scale)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding)


def quantized_nin(run: RunConfig, data: ImageData) -> nn.Module:
    """The network of `run` with the initial weights that our engines give it."""
    model = initial_model(run, data)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.Conv2d):
            parent, _, attribute = name.rpartition(".")
            setattr(model.get_submodule(parent), attribute, LSQConv2d(module, run.bits))
    return model


def make_sgd(parameters: Iterable[tuple[str, Tensor]], run: RunConfig) -> torch.optim.SGD:
    """PyTorch's default implementation, without weight decay on step sizes."""
    named = list(parameters)
    steps = [p for name, p in named if name.endswith("step_size")]
    others = [p for name, p in named if not name.endswith("step_size")]
    groups = [{"params": others, "weight_decay": run.weight_decay}, {"params": steps, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=run.lr, momentum=run.momentum)
