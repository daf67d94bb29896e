"""The state of an interrupted run on disk: complete or absent."""

import os
import pickle
import uuid
from pathlib import Path
from typing import Any

import torch


def save_tensors(path: Path, state: dict[str, Any]) -> None:
    """Writes `state` beside `path` and renames, so that `path` is never half written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with beside.open("wb") as stream:
            torch.save(state, stream)
            stream.flush()
            os.fsync(stream.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def load_checkpoint(path: Path, code: str) -> dict[str, Any] | None:
    """The state at `path`, or None. One that is damaged or was made by other code is set aside, not used."""
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        if state["code"] == code:
            return state
        reason = f"made by code {state['code'][:12]}"
    except (OSError, EOFError, KeyError, RuntimeError, pickle.UnpicklingError) as error:
        reason = f"damaged ({error})"
    aside = path.with_suffix(f".aside-{uuid.uuid4().hex[:8]}")
    path.replace(aside)
    print(f"checkpoint {path} was {reason}: kept as {aside.name}, the run starts over", flush=True)
    return None
