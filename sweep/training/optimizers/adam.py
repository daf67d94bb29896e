"""Adam (Kingma and Ba 2015)."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sweep.config.part_classes import Optimizer

if TYPE_CHECKING:
    import torch

    from sweep.config.run import RunConfig

PART = Optimizer("adam", "Adam, with weight decay in the gradient", trains_in_arrays=True)


def make_optimizer(
    groups: Sequence[Mapping[str, Any]], run: "RunConfig", common: Mapping[str, Any]
) -> "torch.optim.Optimizer":
    """Makes the optimizer; `common` has lr, a tensor on a GPU, and weight_decay."""
    import torch

    on_gpu = isinstance(common["lr"], torch.Tensor)
    return torch.optim.Adam(groups, fused=True, capturable=on_gpu, **common)  # type: ignore[arg-type]
