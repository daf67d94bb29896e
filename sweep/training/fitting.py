"""Weights from elsewhere, of a trained run, of torchvision, of a file, and whether they fit a network."""

import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from sweep.config.checks import ConfigError
from sweep.config.run import RunConfig
from sweep.models import build_model

SHOWN = 3  # names in a message
COUNTER = "num_batches_tracked"  # of BN: nothing here reads it, and older files do not have it
_LATENT = re.compile(r"\.parametrizations\.(\w+)\.original$")
_OF_QUANTIZERS = re.compile(r"\.parametrizations\.|\.input_quantizer\.")

Weights = Mapping[str, Tensor]


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors by name in a file of torch, or the best ones of a run's file; raises `ConfigError`."""
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise ConfigError(f"{path} cannot be read as a file of torch's tensors: {error}") from None
    state = state.get("best", state) if isinstance(state, Mapping) else state
    if not isinstance(state, Mapping) or not all(isinstance(value, Tensor) for value in state.values()):
        raise ConfigError(f"{path} holds no tensors by name, as torch.save(model.state_dict(), ...) makes it")
    return dict(state)


def float_weights(state: Weights) -> dict[str, Tensor]:
    """Returns the weights of the network without its quantizers: of quantized weights the latent ones."""
    latent = {_LATENT.sub(r".\1", name): tensor for name, tensor in state.items()}
    return {name: tensor for name, tensor in latent.items() if not _OF_QUANTIZERS.search(name)}


def shapes_of(run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]) -> dict[str, torch.Size]:
    """Returns the shape of every tensor of `run`'s network by its name; nothing is computed."""
    with torch.device("meta"):
        model = build_model(run, channels, classes, image_size)
    return {name: tensor.shape for name, tensor in model.state_dict().items()}


def fitting(
    weights: Weights, run: RunConfig, channels: int, classes: int, image_size: tuple[int, int], needs_head: bool = False
) -> dict[str, Tensor]:
    """Returns `weights` without the head where that is for another number of classes; raises `ConfigError` on any other
    misfit.

    The head is every tensor whose shape follows from the number of classes.
    """
    wanted = shapes_of(run, channels, classes, image_size)
    other = shapes_of(run, channels, classes + 1, image_size)
    head = {name for name in wanted if wanted[name] != other[name]}
    misshapen = {name for name in wanted.keys() & weights.keys() if wanted[name] != weights[name].shape}
    missing = [name for name in wanted if name not in weights and not name.endswith(COUNTER)]
    bad = misshapen if needs_head else misshapen - head
    found = {"missing": missing, "not of this network": weights.keys() - wanted.keys(), "of another shape": bad}
    complaints = [f"{len(names)} {what} ({', '.join(sorted(names)[:SHOWN])})" for what, names in found.items() if names]
    if complaints:
        raise ConfigError(f"do not fit model={run.model} for {classes} classes: {'; '.join(complaints)}")
    return {name: tensor for name, tensor in weights.items() if not misshapen or name not in head}


def load_fitting(
    model: nn.Module, weights: Weights, run: RunConfig, channels: int, classes: int, image_size: tuple[int, int]
) -> None:
    """Puts `weights` into the unquantized `model`, whose head stays as it is where that of `weights` does not fit."""
    fits = fitting(float_weights(weights), run, channels, classes, image_size)
    model.load_state_dict(fits, strict=False)  # what is missing are the counters and the head
