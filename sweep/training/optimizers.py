"""The optimizers of the grid, and the learning rate of an epoch."""

import torch
from torch import nn

from sweep.config import RunConfig
from sweep.quantizers import step_sizes


def make_optimizer(model: nn.Module, run: RunConfig) -> torch.optim.Optimizer:
    """SGD, Adam or RMSprop over all parameters of `model`; weight decay leaves out the step sizes by default."""
    steps = step_sizes(model)
    of_steps = {id(step) for step in steps}
    groups = [{"params": [p for p in model.parameters() if id(p) not in of_steps]}]
    if steps:
        decay = run.weight_decay if run.step_size_weight_decay else 0.0
        groups.append({"params": steps, "weight_decay": decay})  # type: ignore[dict-item]
    common = {"lr": run.lr, "weight_decay": run.weight_decay}
    if run.optimizer == "adam":
        return torch.optim.Adam(groups, fused=True, **common)  # type: ignore[arg-type]
    if run.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, momentum=run.momentum, foreach=True, **common)  # type: ignore[arg-type]
    return torch.optim.SGD(groups, momentum=run.momentum, fused=True, **common)  # type: ignore[arg-type]


def learning_rate(run: RunConfig, epoch: int) -> float:
    """Of `epoch`, counted from 0: lr times lr_gamma for every milestone reached."""
    return run.lr * run.lr_gamma ** sum(epoch >= milestone for milestone in run.milestones)
