"""Images per second of corrupting 32 x 32 images, per corruption, and what all of them take for a test set.

    PYTHONPATH=. python benchmarks/corruptions.py [--images 300] [--workers 2] [--of 10000]

Smooth random images, at every severity, by as many processes as `sweep.distort` would use; seconds for `--of` images
are extrapolated from `--images` of them, with the start of the processes left out.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.table import Table

from sweep.distortions.config import COMMON, CORRUPTIONS, SEVERITIES, Distortion
from sweep.distortions.corrupt import corrupted_image
from sweep.terminal import duration, render

SIDE = 32


def images(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)


def corrupt_share(corruption: str, severity: int, count: int) -> None:
    for index, image in enumerate(images(count)):
        corrupted_image(image, Distortion(corruption, severity), index)


def seconds(pool: ProcessPoolExecutor, workers: int, corruption: str, severity: int, count: int) -> float:
    share = -(-count // workers)
    started = time.perf_counter()
    list(pool.map(corrupt_share, [corruption] * workers, [severity] * workers, [share] * workers))
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--of", type=int, default=10_000)
    given = parser.parse_args()
    table = Table("corruption", "images/s", f"s for {given.of:,} at 5 severities")
    total = {}
    with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as pool:
        for corruption in CORRUPTIONS:
            for severity in SEVERITIES:  # imports and compilation
                seconds(pool, given.workers, corruption, severity, 4 * given.workers)
            spent = sum(seconds(pool, given.workers, corruption, severity, given.images) for severity in SEVERITIES)
            per_s = len(SEVERITIES) * given.images / spent
            total[corruption] = len(SEVERITIES) * given.of / per_s
            table.add_row(corruption, f"{per_s:,.0f}", f"{total[corruption]:.0f}")
    print(render(table))
    print(
        f"{given.of:,} images at 5 severities by {given.workers} processes, extrapolated from {given.images}: "
        f"{duration(sum(total[name] for name in COMMON))} for the 15 common ones, "
        f"{duration(sum(total.values()))} for all 19"
    )


if __name__ == "__main__":
    main()
