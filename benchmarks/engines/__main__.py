"""Model-epochs per hour of every way to train the grid's networks, in one process and in turn.

    python -m benchmarks.engines [--out DIR] [--images DIR] [--help]

Model-epochs per hour = 3600 * K / (S * seconds per step), K members, S = ceil(50,000 / batch size) steps per epoch
(391 at 128). Every repeat builds each variant anew, warms it up and times as many steps of whole batches as fill
`--seconds`. On a CPU the defaults are smaller, and `plain+graph` is left out: there is nothing to capture.
"""

import argparse
import sys
from typing import Any

import torch

from benchmarks.engines import report
from benchmarks.engines.ceilings import copy_bytes, product_flops
from benchmarks.engines.end_to_end import timed
from benchmarks.engines.images import facts_of, load_images
from benchmarks.engines.measure import Case, run_cases
from benchmarks.engines.options import parse
from benchmarks.engines.rows import rows_of
from benchmarks.engines.variants import base_run, variants
from sweep.data.device import ImageData

Rows = list[dict[str, Any]]


def main(arguments: list[str]) -> Rows:
    given = parse(arguments, __doc__)
    device = torch.device(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)  # as a worker has
    flops = {precision: product_flops(precision, device) for precision in given.precisions}
    copied = copy_bytes(device)
    arrays = load_images(given.images, given.train_size, given.test_size)
    facts, found = facts_of(arrays), Rows()
    for architecture in given.architectures:
        cases = _cases(given, architecture, facts.train_size, device)
        data = ImageData(arrays, cases[0].base, device)
        if device.type == "cuda":
            torch._dynamo.reset()  # it counts what it compiled, and stops at a limit
        run_cases(cases, data, facts, given.repeats, given.seconds)
        found += rows_of(cases, facts, flops, copied)
        report.write(given.out, given.name, found, report.NOTES, device)
    if given.epochs:
        del data, cases
        report.write(given.out, given.name, found, f"{report.NOTES}\n\n{timed(given, facts, found)}", device)
    return found


def _cases(given: argparse.Namespace, architecture: tuple[int, int], images: int, device: torch.device) -> list[Case]:
    known = variants(device, given.sizes, given.members_of_others)
    if unknown := set(given.variants) - {variant.name for variant in known}:
        sys.exit(f"--variants {', '.join(unknown)}: allowed are {', '.join(variant.name for variant in known)}")
    whole_batches = images // given.batch_size * given.batch_size
    return [
        Case(variant, base_run(*architecture, given.batch_size, precision, train_subset=whole_batches), members)
        for precision in given.precisions
        for variant in known
        for members in variant.sizes
        if not given.variants or variant.name in given.variants
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
