"""Images per second of corrupting 32 x 32 images, per corruption, and what all of them take for a test set.

    PYTHONPATH=. python benchmarks/corruptions.py [--images 300] [--workers 2] [--of 10000]

Smooth random images, at every severity, by as many processes as `sweep.distort` would use; what `--of` images take is
extrapolated from `--images` of them, without the start of the processes. Seconds of CPU say what idle cores would take
where others work too.
"""

import argparse
import multiprocessing
import time
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from rich.table import Table

from sweep.config.distorting import COMMON, CORRUPTIONS, SEVERITIES, Distortion
from sweep.distortions.corrupt import corrupted_image
from sweep.terminal import duration, render

SIDE = 32


def images(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
    return coarse.repeat(SIDE // 8, axis=1).repeat(SIDE // 8, axis=2)


def corrupt_share(corruption: str, severity: int, count: int) -> float:
    """Seconds of its CPU."""
    clean = images(count)
    started = time.process_time()
    for index, image in enumerate(clean):
        corrupted_image(image, Distortion(corruption, severity), index)
    return time.process_time() - started


def seconds(pool: ProcessPoolExecutor, workers: int, corruption: str, count: int) -> tuple[float, float]:
    """For `count` images at every severity: by the clock, and of CPU."""
    share = -(-count // workers)
    for severity in SEVERITIES:  # imports and compilation
        list(pool.map(corrupt_share, [corruption] * workers, [severity] * workers, [2] * workers))
    started = time.perf_counter()
    cpu_s = 0.0
    for severity in SEVERITIES:
        cpu_s += sum(pool.map(corrupt_share, [corruption] * workers, [severity] * workers, [share] * workers))
    return time.perf_counter() - started, cpu_s


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--of", type=int, default=10_000)
    given = parser.parse_args()
    table = Table("corruption", "images/s", "images per s of CPU")
    spent = {}
    with ProcessPoolExecutor(given.workers, multiprocessing.get_context("spawn")) as pool:
        for name in CORRUPTIONS:
            spent[name] = seconds(pool, given.workers, name, given.images)
            table.add_row(name, *(f"{len(SEVERITIES) * given.images / each:,.0f}" for each in spent[name]))
    print(render(table))
    for names in (COMMON, CORRUPTIONS):
        clock_s, cpu_s = (sum(spent[name][i] for name in names) * given.of / given.images for i in (0, 1))
        print(
            f"{len(names)} corruptions of {given.of:,} images at 5 severities by {given.workers} processes, from "
            f"{given.images} images: {duration(clock_s)}; {duration(cpu_s / given.workers)} on cores that are idle"
        )


if __name__ == "__main__":
    main()
