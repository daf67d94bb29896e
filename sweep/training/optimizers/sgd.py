"""Stochastic gradient descent with momentum."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweep.config.part_classes import Optimizer
from sweep.training.optimizers import MOMENTUM

if TYPE_CHECKING:
    import torch

    from sweep.config.run import RunConfig

PART = Optimizer("sgd", "stochastic gradient descent with momentum", (MOMENTUM,), trains_in_arrays=True)


def make_optimizer(
    groups: Sequence[Mapping[str, Any]], run: "RunConfig", common: Mapping[str, Any]
) -> "torch.optim.Optimizer":
    """Makes the optimizer; `common` has lr, a tensor on a GPU, and weight_decay."""
    import torch

    return torch.optim.SGD(groups, momentum=run.momentum, fused=True, **common)  # type: ignore[arg-type]
