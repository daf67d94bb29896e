"""Optimizers, and the learning rate of an epoch."""

import math
from collections.abc import Callable

import torch
from torch import nn

from sweep.config.run import RunConfig
from sweep.quantizers import undecayed_parameters

_ADAMS: dict[str, Callable[..., torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def make_optimizer(model: nn.Module, run: RunConfig) -> torch.optim.Optimizer:
    """Of `run`, over all parameters of `model`; weight decay leaves out those of quantizers by default.

    On a GPU the learning rate is a tensor there, so that a captured step follows its changes.
    """
    undecayed = undecayed_parameters(model)
    ids = {id(parameter) for parameter in undecayed}
    groups = [{"params": [p for p in model.parameters() if id(p) not in ids]}]
    if undecayed:
        decay = run.weight_decay if run.step_size_weight_decay else 0.0
        groups.append({"params": undecayed, "weight_decay": decay})  # type: ignore[dict-item]
    device = next(model.parameters()).device
    on_gpu = device.type == "cuda"
    common = {"lr": torch.tensor(run.lr, device=device) if on_gpu else run.lr, "weight_decay": run.weight_decay}
    if run.optimizer in _ADAMS:
        return _ADAMS[run.optimizer](groups, fused=True, capturable=on_gpu, **common)
    if run.optimizer == "rmsprop":
        return torch.optim.RMSprop(groups, momentum=run.momentum, foreach=True, capturable=on_gpu, **common)  # type: ignore[arg-type]
    return torch.optim.SGD(groups, momentum=run.momentum, fused=True, **common)  # type: ignore[arg-type]


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr


def learning_rate(run: RunConfig, epoch: int) -> float:
    """Of `epoch`, counted from 0: lr times lr_gamma for every milestone reached; with cosine decay also times
    (1 + cos(pi epoch / epochs)) / 2 (Loshchilov & Hutter 2017, eq. 5, per epoch)."""
    rate = run.lr * run.lr_gamma ** sum(epoch >= milestone for milestone in run.milestones)
    return rate * (1 + math.cos(math.pi * epoch / run.epochs)) / 2 if run.lr_decay == "cosine" else rate
