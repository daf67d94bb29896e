"""Multiply-accumulates of networks, counted from the networks themselves, and kept so that planning needs no torch.

Known beforehand are the shapes of sweep/models/operations.csv. A shape that is not there is counted once, on PyTorch's
meta device, which computes nothing, and remembered in the user's cache as long as the network's code stays the same.

    python -m sweep.plan.operations          # counts every line of the file anew
"""

import csv
import hashlib
import importlib.util
import os
import uuid
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

from sweep import PROJECT
from sweep.config.facts import DataFacts
from sweep.config.networks import Network, network_of
from sweep.config.run import RunConfig

SHIPPED = PROJECT / "sweep" / "models" / "operations.csv"


class Shape(NamedTuple):
    """All that the operations of a network follow from: its hyperparameters, and what goes in and comes out."""

    model: str
    sizes: tuple[tuple[str, Any], ...]  # names and values of the hyperparameters that it reads
    channels: int
    height: int
    width: int
    classes: int


def macs_per_image(run: RunConfig, facts: DataFacts) -> int:
    """Multiply-accumulates of the forward pass of one image: those of convolutions and matrix products.

    Normalization, activations and pooling are left out.
    """
    sizes = tuple((own.name, getattr(run, own.name)) for own in network_of(run.model).reads)
    return _macs(Shape(run.model, sizes, facts.channels, facts.height, facts.width, facts.classes))


@cache
def _macs(shape: Shape) -> int:
    known = shipped().get(shape)
    return remembered(shape) if known is None else known


@cache
def shipped() -> dict[Shape, int]:
    """Counts of the shapes in sweep/models/operations.csv."""
    with SHIPPED.open() as file:
        lines = list(csv.reader(file))[1:]
    return {Shape(model, _sizes(text), *map(int, image)): int(macs) for model, text, *image, macs in lines}


def _sizes(text: str) -> tuple[tuple[str, int], ...]:
    """Of such as `width=2 depth=10`."""
    pairs = (pair.split("=") for pair in text.split())
    return tuple((name, int(value)) for name, value in pairs)


def remembered(shape: Shape) -> int:
    """The count in the user's cache, put there where it is missing."""
    path = cache_dir() / f"{_digest(shape)}.txt"
    if path.exists():
        return int(path.read_text())
    macs = count(shape)
    with suppress(OSError):  # a home that cannot be written to costs a second at every plan, and no plan
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_suffix(f".{uuid.uuid4().hex}")
        beside.write_text(str(macs))
        beside.replace(path)
    return macs


def cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "qsweep" / "operations"


def _digest(shape: Shape) -> str:
    """Of the shape and of the source files in the folder of the network's code."""
    digest = hashlib.sha256(repr(tuple(shape)).encode())
    for source in _sources(network_of(shape.model)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def _sources(network: Network) -> list[Path]:
    spec = importlib.util.find_spec(network.code)
    assert spec is not None and spec.origin is not None
    own = Path(spec.origin)
    return [own] if network.code == network.module else sorted(own.parent.glob("*.py"))


def count(shape: Shape) -> int:
    """Counts the operations of one forward pass; imports torch."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    build = network_of(shape.model).builder()
    size: Any = SimpleNamespace(**dict(shape.sizes))
    with torch.device("meta"), torch.no_grad():
        model = build(size, shape.channels, shape.classes, (shape.height, shape.width)).eval()
        images = torch.empty(1, shape.channels, shape.height, shape.width)
        with FlopCounterMode(display=False) as counted:
            model(images)
    macs: int = counted.get_total_flops() // 2
    return macs


def recount() -> None:
    """Writes sweep/models/operations.csv anew, for the shapes that it has."""
    lines = [
        (shape.model, " ".join(f"{name}={value}" for name, value in shape.sizes), *shape[2:], count(shape))
        for shape in sorted(shipped())
    ]
    with SHIPPED.open("w", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([(*Shape._fields, "macs"), *lines])


if __name__ == "__main__":
    recount()
