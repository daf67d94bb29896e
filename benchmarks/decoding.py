"""How many images per second are decoded for batches, by number of worker processes, beside images in memory.

    python -m benchmarks.decoding [--workers 0 1 2] [--side 224] [--batch-size 64] [--seconds 10]

Of JPEGs like ImageNet's: 500 x 375 pixels, about 110 KB, made from a seed. Prints random crops per second (of the
clock and, where the process decodes itself, of CPU time, which other processes disturb less), and the time of an image
over that of the same batches cropped from memory (crop_flip). The process that takes the batches does nothing else.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.engines.variants import base_run
from sweep import data
from sweep.config.run import DataSource, RunConfig
from sweep.data.device import ImageData
from sweep.data.interface import TrainingData
from sweep.data.streamed import StreamedData

WIDTH, HEIGHT, QUALITY = 500, 375, 90
BLOB = 25  # pixels
CPU = torch.device("cpu")


def write_photographs(folder: Path, count: int, side: int) -> DataSource:
    """`count` for training and one for testing: coarse noise, blurred, with some grain."""
    rng = np.random.default_rng(0)
    for split, files in (("train", count), ("val", 1)):
        (folder / split / "one").mkdir(parents=True)
        for number in range(files):
            coarse = rng.integers(0, 256, (HEIGHT // BLOB, WIDTH // BLOB, 3), dtype=np.uint8)
            blurred = np.asarray(Image.fromarray(coarse).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))
            pixels = (blurred + rng.normal(0, 9, blurred.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / split / "one" / f"{number}.jpg", quality=QUALITY)
    return DataSource("image_folder", "photographs", str(folder), image_size=side)


def crops_per_s(made: TrainingData, run: RunConfig, seconds: float) -> tuple[float, float]:
    """By the clock and by this process's CPU time, after the first batch, in which workers start."""
    batches = made.batches(run)
    batches.start(0, 0)
    batches.next_batch(batches.sizes[0])
    started, cpu_started, images, epoch, step = time.monotonic(), time.process_time(), 0, 0, 1
    while time.monotonic() - started < seconds:
        if step == len(batches.sizes):
            epoch, step = epoch + 1, 0
            batches.start(epoch, step)
        images += batches.next_batch(batches.sizes[step]).labels.shape[1]
        step += 1
    return images / (time.monotonic() - started), images / (time.process_time() - cpu_started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--images", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=10)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        report(Path(folder), options)


def report(folder: Path, options: argparse.Namespace) -> None:
    source = write_photographs(folder, options.images, options.side)
    data.prepare(source, folder / "cache")
    runs = [base_run(8, 2, options.batch_size, "fp32", augmentation=a) for a in ("crop_flip", "file_crop_flip")]
    arrays = ImageData(data.load(source, folder / "cache"), runs[0], CPU)
    of_memory, of_cpu = crops_per_s(arrays, runs[0], options.seconds)
    print("| images | crops / s | crops / CPU s | time of an image, memory = 1 |\n|---|---|---|---|")
    print(f"| in memory | {of_memory:.0f} | {of_cpu:.0f} | 1 |", flush=True)
    for workers in options.workers:
        made = StreamedData(data.load_files(source), runs[1], CPU, workers)
        rate, of_cpu = crops_per_s(made, runs[1], options.seconds)
        by_cpu = f"{of_cpu:.0f}" if workers == 0 else ""
        print(f"| {workers} workers | {rate:.0f} | {by_cpu} | {of_memory / rate:.1f} |", flush=True)


if __name__ == "__main__":
    main()
