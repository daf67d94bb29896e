"""Update rules: what one batch does to the parameters. sweep/config/rules.py says what each reads."""

import torch
from torch import nn

from sweep.config.run import RunConfig
from sweep.training.updates.base import Updates
from sweep.training.updates.gradient import GradientStep
from sweep.training.updates.sharpness import SharpnessAware

__all__ = ["Updates", "make_updates"]


def make_updates(
    run: RunConfig, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> Updates:
    """Of `run.rule`, for a quantized `model` where it will stay."""
    if run.rule == "plain":
        step = GradientStep(optimizer, scaler)
        return Updates(step, step)
    rule = SharpnessAware(run, model, optimizer, scaler)
    return Updates(rule.renew, rule.reuse, run.tau, rule.vertical)
