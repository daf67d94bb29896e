"""What an optimizer gets of a network: its parameters in groups, a learning rate, weight decay."""

from typing import Any

import torch
from torch import nn

from sweep.config.part_classes import Optimizer
from sweep.config.parts import part_of
from sweep.config.run import RunConfig
from sweep.quantizers.parameters import undecayed_parameters


def make_optimizer(model: nn.Module, run: RunConfig) -> torch.optim.Optimizer:
    """Makes the optimizer of `run` over all parameters of `model`; weight decay leaves out those of quantizers by
    default.

    On a GPU the learning rate is a tensor there, so that a captured step follows its changes.
    """
    undecayed = undecayed_parameters(model)
    ids = {id(parameter) for parameter in undecayed}
    groups: list[dict[str, Any]] = [{"params": [p for p in model.parameters() if id(p) not in ids]}]
    if undecayed:
        decay = run.weight_decay if run.step_size_weight_decay else 0.0
        groups.append({"params": undecayed, "weight_decay": decay})
    device = next(model.parameters()).device
    lr = torch.tensor(run.lr, device=device) if device.type == "cuda" else run.lr
    common = {"lr": lr, "weight_decay": run.weight_decay}
    optimizer: torch.optim.Optimizer = part_of(Optimizer, run.optimizer).load().make_optimizer(groups, run, common)
    return optimizer


def set_learning_rate(optimizer: torch.optim.Optimizer, lr: float) -> None:
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            group["lr"].fill_(lr)
        else:
            group["lr"] = lr
