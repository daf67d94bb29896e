"""Files of tensors: complete or absent."""

import os
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
