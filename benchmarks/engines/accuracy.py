"""How far a variant's arithmetic is from float64."""

import dataclasses
import math
from functools import cache

import torch

from benchmarks.engines.images import random_images
from benchmarks.engines.loop import Curve
from benchmarks.engines.ours import train_plain
from benchmarks.engines.variants import Variant, base_run
from sweep.config.run import RunConfig
from sweep.data.device import ImageData

CPU = torch.device("cpu")
IMAGES, BATCH, EPOCHS = 48, 16, 2


def float64_error(variant: Variant, precision: str, device: torch.device) -> float:
    """Largest relative error of a mean training loss, over members and epochs.

    The reference is our plain engine in float64 on the CPU: same initial weights, batches and hyperparameters, one
    member at a time. The network has 16 channels and two blocks and takes `EPOCHS` epochs of 3 steps. NaN where a loss
    is not finite.
    """
    base = base_run(8, 2, BATCH, precision, base_width=2, epochs=EPOCHS)
    runs = variant.runs(base, variant.checked_members)
    curves = variant.checked(runs, _data(device), device, lambda: False)
    references = [_reference(dataclasses.replace(run, precision="fp64")) for run in runs]
    errors = [
        abs(loss / exact - 1)
        for curve, reference in zip(curves, references, strict=True)
        for loss, exact in zip(curve, reference, strict=True)
    ]
    return max(errors) if all(math.isfinite(error) for error in errors) else math.nan


@cache
def _data(device: torch.device) -> ImageData:
    return ImageData(random_images(IMAGES, BATCH), base_run(8, 2, BATCH, "fp64"), device)


@cache
def _reference(run: RunConfig) -> Curve:
    (curve,) = train_plain([run], _data(CPU), CPU, lambda: False, captured=False)
    return curve
