"""Arguments of the benchmark, with defaults for the device."""

import argparse
from pathlib import Path
from typing import Any

import torch

DEFAULTS: dict[str, dict[str, Any]] = {
    "cuda": {
        "precisions": "bf16,tf32", "sizes": "1,2,4,8,12,27,54,108", "members_of_others": 8, "batch_size": 128,
        "seconds": 2.0, "train_size": 50_000, "test_size": 10_000, "epochs": 5,
    },
    "cpu": {
        "precisions": "fp32,bf16", "sizes": "1,2", "members_of_others": 2, "batch_size": 16,
        "seconds": 0.3, "train_size": 512, "test_size": 256, "epochs": 1,
    },
}  # fmt: skip
COUNTS = {
    "members-of-others": "of the grouped and the vmap array",
    "batch-size": "images per step",
    "train-size": "random training images",
    "test-size": "random test images",
    "epochs": "of the run that is timed end to end; 0 for none",
}


def parse(arguments: list[str], usage: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=usage, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("build"), help="folder for the parquet file and the table")
    parser.add_argument("--name", default="engines", help="of both files")
    parser.add_argument("--images", help="directory of parquet files with images; random images by default")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--architectures", default="8x2,10x3,12x4", help="width x depth")
    parser.add_argument("--variants", default="", help="names of those to run; all by default")
    parser.add_argument("--precisions", help="the first one is that of the run that is timed end to end")
    parser.add_argument("--sizes", help="members of our arrays")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--seconds", type=float, help="of every timing")
    for name, text in COUNTS.items():
        parser.add_argument(f"--{name}", type=int, help=text)
    return _with_defaults(parser.parse_args(arguments))


def _with_defaults(given: argparse.Namespace) -> argparse.Namespace:
    if given.device == "auto":
        given.device = "cuda" if torch.cuda.is_available() else "cpu"
    for name, value in DEFAULTS[given.device].items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    for name in ("precisions", "variants"):
        setattr(given, name, [part for part in getattr(given, name).split(",") if part])
    given.sizes = [int(size) for size in given.sizes.split(",")]
    given.architectures = [tuple(map(int, pair.split("x"))) for pair in given.architectures.split(",")]
    return given
