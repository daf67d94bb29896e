"""The kept weights of a run on corrupted images, evaluated as training evaluates."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sweep.config.run import RunConfig
from sweep.data.interface import TrainingData
from sweep.training.precision import master_dtype
from sweep.training.weights import load_best


def trained_network(state: Mapping[str, Any], run: RunConfig, data: TrainingData, device: torch.device) -> nn.Module:
    """The quantized network of the epoch that `run` reports, as its training had it; raises `ConfigError`."""
    model = load_best(state, run, data, master_dtype(run.precision))
    return model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]
