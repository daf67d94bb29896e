"""Decoded images on disk: made once, read by every worker."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from sweep.data.arrays import ImageArrays

_ARRAYS = ("train_images", "train_labels", "test_images", "test_labels")


def write_once(folder: Path, decode: Callable[[], ImageArrays]) -> None:
    """Stores what `decode` returns as `folder`, whole or not at all, unless it is there."""
    if folder.is_dir():
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    arrays = decode()
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".decoding-") as beside:
        decoded = Path(beside) / "arrays"
        decoded.mkdir()
        for name in _ARRAYS:
            np.save(decoded / f"{name}.npy", getattr(arrays, name))
        (decoded / "class_names.json").write_text(json.dumps(arrays.class_names))
        if not folder.is_dir():
            decoded.replace(folder)


def read(folder: Path) -> ImageArrays:
    arrays = {name: np.load(folder / f"{name}.npy") for name in _ARRAYS}
    return ImageArrays(**arrays, class_names=tuple(json.loads((folder / "class_names.json").read_text())))
