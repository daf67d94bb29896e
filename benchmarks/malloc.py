"""Whether raised thresholds of malloc, and bf16, make the CPU's training steps faster.

    python -m benchmarks.malloc [--repeats 5] [--seconds 1]

Every repeat times each case with each precision and setting, in turn, each in a process of its own since malloc reads
its environment at the start. Prints the CPU seconds of a step on one thread (user and system: other processes disturb
them less than the clock's), its page faults and peak memory, and ratios of pairs from the same repeat: median, lowest
and highest. The plain engine's tensors are channels-last.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

import torch

from benchmarks.engines.images import random_images
from benchmarks.engines.ours import train_members, train_plain
from benchmarks.engines.timing import StepClock
from benchmarks.engines.variants import Train, base_run, mixed, solo
from sweep.config.run import DataSource
from sweep.data.device import ImageData
from sweep.data.digits import dataset as digits
from sweep.worker.environment import MALLOC

CPU = torch.device("cpu")
SETTINGS: dict[str, dict[str, str]] = {"default": {}, "raised": MALLOC}
PRECISIONS = ("fp32", "bf16")


class Case(NamedTuple):
    """What a step trains; `digits` is the data set, otherwise the images are random and of CIFAR's shape."""

    train: Train
    members: int
    base_width: int
    batch_size: int
    digits: bool = False


PLAIN = partial(train_plain, captured=False)
CASES = {
    "plain, 8x2, batch 128": Case(PLAIN, 1, 25, 128),
    "plain, digits, base width 4, batch 128": Case(PLAIN, 1, 4, 128, digits=True),
    "array of 4, 8x2, batch 32": Case(partial(train_members, kernels="torch"), 4, 25, 32),
}


class Step(NamedTuple):
    step_s: float
    faults: float  # minor page faults per step, those of the steps before the timing among them
    peak_mib: float


def time_here(name: str, precision: str, seconds: float) -> Step:
    torch.set_num_threads(1)
    case = CASES[name]
    base = base_run(8, 2, case.batch_size, precision, base_width=case.base_width, train_subset=4 * case.batch_size)
    arrays = digits.load(DataSource("digits", "digits", ""), Path()) if case.digits else random_images(512, 8)
    runs = (mixed if case.members > 1 else solo)(base, case.members)
    data, clock = ImageData(arrays, base, CPU), StepClock(seconds, CPU)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    case.train(runs, data, CPU, clock)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return Step(clock.step_s(), (after.ru_minflt - before) / clock.count, after.ru_maxrss / 1024)


def time_apart(name: str, precision: str, setting: str, seconds: float) -> Step:
    command = [sys.executable, "-m", __spec__.name, "--seconds", str(seconds), "--only", name, precision]
    env = os.environ | SETTINGS[setting]
    return Step(*json.loads(subprocess.run(command, env=env, check=True, stdout=subprocess.PIPE).stdout))


def ratio(slow: list[Step], fast: list[Step]) -> str:
    """How many times faster `fast` was, in pairs of the same repeat."""
    found = [one.step_s / other.step_s for one, other in zip(slow, fast, strict=True)]
    return f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"


def report(name: str, steps: dict[tuple[str, str], list[Step]]) -> None:
    print(f"\n{name}")
    for key, found in steps.items():
        step_s, faults, peak_mib = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"  {' '.join(key):14} {step_s * 1000:8.1f} ms {faults:9.0f} faults a step, peak {peak_mib:5.0f} MiB")
    for precision in PRECISIONS:
        print(f"  raised, {precision}: {ratio(steps[precision, 'default'], steps[precision, 'raised'])} times as fast")
    for setting in SETTINGS:
        print(f"  bf16, {setting}: {ratio(steps['fp32', setting], steps['bf16', setting])} times as fast as fp32")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--only", nargs=2, metavar=("CASE", "PRECISION"), help="in this process; prints JSON")
    given = parser.parse_args()
    if given.only:
        print(json.dumps(time_here(given.only[0], given.only[1], given.seconds)))
        return
    for name in CASES:
        steps: dict[tuple[str, str], list[Step]] = {(p, s): [] for p in PRECISIONS for s in SETTINGS}
        for _ in range(given.repeats):
            for key, found in steps.items():
                found.append(time_apart(name, *key, given.seconds))
        report(name, steps)


if __name__ == "__main__":
    main()
