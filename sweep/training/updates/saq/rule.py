"""Sharpness-aware quantization: steps along the gradients with perturbed weights and without, as `combine` says."""

import torch
from torch import nn

from sweep.config.run import RunConfig
from sweep.training.updates.base import Updates
from sweep.training.updates.sharpness import SharpnessAware


def make_updates(
    run: RunConfig, model: nn.Module, optimizer: torch.optim.Optimizer, scaler: torch.amp.GradScaler
) -> Updates:
    return SharpnessAware(run, model, optimizer, scaler, combine=run.combine).updates()
