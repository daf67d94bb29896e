"""The state of an interrupted run on disk: its structure, and that a file has it."""

import pickle
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sweep.training.files import save_tensors
from sweep.training.progress import Progress
from sweep.training.result import EpochRecord

Tensors = Mapping[str, Tensor]


@dataclass(frozen=True)
class Checkpoint:
    """All that a run needs to go on, besides its science config; read from a file, its tensors are on the CPU."""

    code: str  # fingerprint of the training code that made it
    model: Tensors  # state dict, quantizers included
    optimizer: Mapping[int, Tensors]  # the state of each parameter, by its number in the optimizer
    scaler: Mapping[str, float]  # of the loss in fp16; empty in other precisions
    updates: Sequence[Tensor]  # what the update rule keeps from step to step
    progress: Progress
    loss_sum: Tensor  # (), float64: of the current epoch's images until now, in nats
    clamped: Tensor  # (), int64: how often a parameter of a quantizer was kept above zero
    best_weights: Tensors | None  # state dict at the best epoch, where weights are kept


class _Unfit(Exception):
    """What a file holds is no checkpoint of the run; the message completes `checkpoint PATH was ...`."""


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes `checkpoint` to `path`, which holds the one before until this one is complete."""
    progress = vars(checkpoint.progress) | {"curve": [record.columns() for record in checkpoint.progress.curve]}
    save_tensors(path, vars(checkpoint) | {"progress": progress})


def load_checkpoint(path: Path, start: Checkpoint, parameters: Sequence[Tensor]) -> Checkpoint | None:
    """Returns the checkpoint at `path`, or None where there is none to go on from.

    `start` is the run at its start, with today's code: the file must have its code, names, shapes and dtypes.
    `parameters` are those of the optimizer, in its order, whose state is not there before the first step. A file
    that is damaged, made by other code or of another structure is set aside beside `path`, and a line says why.
    """
    if not path.exists():
        return None
    try:
        return _checked(_read(path), start, parameters)
    except _Unfit as unfit:
        aside = path.with_suffix(f".aside-{uuid.uuid4().hex[:8]}")
        path.replace(aside)
        print(f"checkpoint {path} was {unfit}: kept as {aside.name}, the run starts over", flush=True)
        return None


def _read(path: Path) -> Any:
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, EOFError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        raise _Unfit(f"damaged ({error})") from None


def _checked(state: Any, start: Checkpoint, parameters: Sequence[Tensor]) -> Checkpoint:
    code = state.get("code") if isinstance(state, Mapping) else None
    if code != start.code:
        raise _Unfit(f"made by code {str(code)[:12]}")
    try:
        curve = [EpochRecord.of_columns(columns) for columns in state["progress"]["curve"]]
        needed = _forms(_expected(state, start, parameters, curve))
    except (AttributeError, IndexError, KeyError, TypeError) as error:
        raise _Unfit(f"of another structure ({error!r})") from None
    found = _forms(state)
    for part in {**needed, **found}:
        if found.get(part) != needed.get(part):
            raise _Unfit(f"of another structure ({part} is {found.get(part)}, needed {needed.get(part)})")
    return Checkpoint(**state | {"progress": Progress(**state["progress"] | {"curve": curve})})


def _expected(
    state: Mapping[str, Any], start: Checkpoint, parameters: Sequence[Tensor], curve: Sequence[EpochRecord]
) -> dict[str, Any]:
    """What the file would have to hold, as far as that does not follow from `start` alone."""
    optimizer = {
        number: {name: parameters[number] if value.ndim else value for name, value in kept.items()}
        for number, kept in state["optimizer"].items()
    }
    progress = vars(start.progress) | {"curve": [record.columns() for record in curve]}
    best = None if state["best_weights"] is None else start.model
    return vars(start) | {"optimizer": optimizer, "progress": progress, "best_weights": best}


def _forms(value: Any, place: str = "") -> dict[str, str]:
    """Dtype and shape of every tensor in `value` and the types of all else, by where they are."""
    if isinstance(value, Tensor):
        return {place: f"{value.dtype} {tuple(value.shape)}"}
    if isinstance(value, Mapping):
        inner = list(value.items())
    elif isinstance(value, list | tuple):
        inner = list(enumerate(value))
    else:
        return {place: type(value).__name__}
    found = {name: form for key, part in inner for name, form in _forms(part, f"{place}/{key}").items()}
    return found or {place: "empty"}
