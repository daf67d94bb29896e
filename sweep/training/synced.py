"""Batch normalization over the images of all processes."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def synchronize_batch_norm(model: nn.Module, device: torch.device) -> None:
    """Has every BN in `model`, in place, take its statistics over the parts that all processes have of a batch.

    Names, parameters and buffers stay as they are.
    """
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(module, name, _synchronized(child, device))


def _synchronized(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        on_gpu: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(norm)
        return on_gpu
    synced = SyncedBatchNorm(norm.num_features, norm.eps, norm.momentum)
    for name, parameter in norm.named_parameters():
        setattr(synced, name, parameter)
    for name, buffer in norm.named_buffers():
        setattr(synced, name, buffer)
    return synced


class SyncedBatchNorm(nn.BatchNorm2d):
    """The like of nn.SyncBatchNorm, which computes on GPUs only."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes x (B, C, H, W), B of this process, by the mean and biased variance of all B of all processes."""
        if not self.training:
            return super().forward(x)
        wide = x.to(self.weight.dtype)
        count = _sum_over_processes(wide.new_tensor(wide.numel() / self.num_features))
        mean = _sum_over_processes(wide.sum((0, 2, 3))) / count
        centred = wide - mean[:, None, None]
        variance = _sum_over_processes(centred.square().sum((0, 2, 3))) / count
        self._follow(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, unbiased_variance: Tensor) -> None:
        """Moves the running statistics, as `F.batch_norm` does."""
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(unbiased_variance, self.momentum)


class _Sum(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Every process's loss depends on the values of all."""
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum_over_processes(values: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(values)
    return total
