"""The processes that train one run together, each on its part of every batch: what they tell each other."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from sweep.data.interface import WHOLE, Part
from sweep.training.synced import synchronize_batch_norm
from sweep.training.updates.base import Loss

STOP_EVERY_STEPS_CUDA = 10  # asking all others waits for the GPU


class Ranks:
    """One process that trains alone."""

    part: Part = WHOLE

    @property
    def is_first(self) -> bool:
        """True in the process that writes what only one should."""
        return self.part.index == 0

    def sum(self, values: Tensor) -> Tensor:
        """Returns the sum of `values` over all processes."""
        return values

    def mean(self, value: Tensor) -> Tensor:
        """Returns the mean of `value` over all processes."""
        return value

    def loss_of_part(self, loss: Loss, size: int) -> Loss:
        """Returns `loss`, a mean over this process's part of `size` images, weighted so that its mean over all
        processes, whose gradient `share_training` leaves in each, is that over the batch."""
        return loss

    def share_training(self, model: nn.Module, device: torch.device) -> Callable[..., Any]:
        """The forward pass of `model` in training, after whose backward pass all have the same gradients."""
        return model

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        """The first process goes through the block before the others do."""
        yield


class DistributedRanks(Ranks):
    """One of the processes of torch.distributed's default group."""

    def __init__(self) -> None:
        self.part = Part(dist.get_rank(), dist.get_world_size())

    def sum(self, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    def mean(self, value: Tensor) -> Tensor:
        return self.sum(value) / self.part.count

    def loss_of_part(self, loss: Loss, size: int) -> Loss:
        own = self.part.of(size)
        weight = (own.stop - own.start) * self.part.count / size
        return lambda images, labels: loss(images, labels) * weight

    def share_training(self, model: nn.Module, device: torch.device) -> Callable[..., Any]:
        synchronize_batch_norm(model, device)
        return nn.parallel.DistributedDataParallel(model)

    @contextmanager
    def first_before_others(self) -> Iterator[None]:
        if not self.is_first:
            dist.barrier()
        yield
        if self.is_first:
            dist.barrier()

    def any_asked(self, stop: Callable[[], bool], device: torch.device) -> Callable[[], bool]:
        """Returns `stop` of any process, the same answer in all, if all ask equally often."""
        every = STOP_EVERY_STEPS_CUDA if device.type == "cuda" else 1
        calls = 0

        def asked() -> bool:
            nonlocal calls
            calls += 1
            return calls % every == 0 and bool(self.sum(torch.tensor(float(stop()), device=device)).item())

        return asked


ALONE = Ranks()
