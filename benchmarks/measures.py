"""Images per second of evaluating many sets of weights at once, as a ratio to plain evaluation of the same model.

    PYTHONPATH=. python benchmarks/measures.py [--device cpu|cuda] [--images 50000] [--sets 10]

Random images; NiN (depth x width) as named, raw weights. The variants take turns in every repeat. Then the seconds of
the four searches of one such network whose labels are its own answers.
"""

import argparse
import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from sweep.config.measuring import MeasureConfig
from sweep.config.run import RunConfig, make_run
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.measures.bounds import SCALES
from sweep.measures.bounds.perturbation import Searches
from sweep.measures.image_set import training_images
from sweep.measures.losses import mean_share, perturbed_accuracy
from sweep.measures.noise import gaussians
from sweep.measures.space import Batching, WeightSpace
from sweep.models import build_model
from sweep.training.evaluate import evaluate
from sweep.training.weights import counted_names
from tests.conftest import TINY

REPEATS = 5


def random_data(run: RunConfig, images: int, side: int, channels: int, device: torch.device) -> ImageData:
    rng = np.random.default_rng(0)
    shape = (images, side, side, channels)
    pixels, labels = rng.integers(256, size=shape, dtype=np.uint8), rng.integers(10, size=images)
    arrays = ImageArrays(pixels, labels, pixels[:1], labels[:1], tuple("0123456789"))
    return ImageData(arrays, run, device)


def seconds(function: Callable[[], object], device: torch.device) -> float:
    started = time.perf_counter()
    function()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def compare(run: RunConfig, images: int, side: int, channels: int, sets: int, device: torch.device) -> None:
    data = random_data(run, images, side, channels, device)
    model = (
        build_model(run, data.channels, data.classes, data.image_size)
        .to(device, memory_format=torch.channels_last)
        .eval()
    )
    space = WeightSpace(model, counted_names(model), Batching())
    vectors = space.vector + 0.01 * gaussians(0, 0, sets, len(space.vector)).to(device)

    def batched(count: int) -> Callable[[], object]:
        chosen = vectors[:count]
        return lambda: perturbed_accuracy(space, chosen, training_images(data), mean_share, lambda low, high: False)

    variants = {"plain": (1, lambda: evaluate(model, data, data.train, "fp32")), "batched, 1 set": (1, batched(1))}
    variants[f"batched, {sets} sets"] = (sets, batched(sets))
    speeds: dict[str, list[float]] = {name: [] for name in variants}
    for repeat in range(REPEATS + 1):
        for name, (evaluated, function) in variants.items():
            model.eval()
            speed = evaluated * images / seconds(function, device)
            if repeat:  # the first warms up
                speeds[name].append(speed)
    print(f"NiN ({run.depth} x {run.base_width * run.width} channels), {images} images {side} x {side}, {device}")
    for name, values in speeds.items():
        ratios = [ours / plain for ours, plain in zip(values, speeds["plain"], strict=True)]
        print(
            f"  {name}: {statistics.median(values):.0f} images/s ({min(values):.0f} to {max(values):.0f}), "
            f"{statistics.median(ratios):.2f} of plain ({min(ratios):.2f} to {max(ratios):.2f})",
            flush=True,
        )


def search(run: RunConfig, images: int, side: int, channels: int, device: torch.device) -> None:
    """The four searches; labels are the network's own answers, so that it has an accuracy to lose."""
    data = random_data(run, images, side, channels, device)
    model = build_model(run, data.channels, data.classes, data.image_size).to(device).eval()
    with torch.no_grad():
        answers = [model(batch).argmax(1) for batch, _ in training_images(data).batches(250, torch.float32)]
    labelled = dataclasses.replace(training_images(data), labels=torch.cat(answers))
    space = WeightSpace(model, counted_names(model), Batching())
    searches = Searches(space, torch.zeros_like(space.vector), labelled, MeasureConfig())
    for name in SCALES:
        steps: list[int] = []
        taken_s = seconds(lambda name=name, steps=steps: steps.append(len(getattr(searches, name)().history)), device)
        print(f"  {name}: {taken_s:.1f} s, {steps[0]} steps", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--images", type=int, help="default: 50000 on a GPU, few on the CPU")
    parser.add_argument("--sets", type=int, default=10)
    given = parser.parse_args()
    device = torch.device(given.device)
    on_gpu = device.type == "cuda"
    small = make_run(TINY | {"base_width": 4, "width": 8, "depth": 2, "bits": 32})
    large = make_run(TINY | {"base_width": 25, "width": 10, "depth": 4, "bits": 32})
    compare(small, given.images or (50_000 if on_gpu else 1442), 8, 1, given.sets, device)
    search(small, given.images or 1442, 8, 1, device)
    compare(large, given.images or (50_000 if on_gpu else 100), 32, 3, given.sets, device)
    if on_gpu:
        search(large, given.images or 50_000, 32, 3, device)


if __name__ == "__main__":
    main()
