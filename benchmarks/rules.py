"""What a step of SAM and of SAQ costs beside a plain one of the same quantized network, on a CPU.

    python -m benchmarks.rules [--repeats 5] [--steps 12] [--network NAME] [--out benchmarks/rules-cpu.md]

Every repeat trains each variant anew for `--steps` timed steps, a multiple of 4, one variant after the other, so that
efficient training takes the perturbed gradient at a quarter of them. Seconds are the process's own (user and system,
one thread: other processes disturb them less than the clock's). Images are random and of CIFAR's shape, with crops and
flips; nothing is evaluated.
"""

import argparse
import shlex
import statistics
import sys
from pathlib import Path
from typing import Any

import torch

from benchmarks.engines.images import random_images
from benchmarks.engines.ours import train_plain
from benchmarks.engines.report import device_name
from benchmarks.engines.timing import now_s
from benchmarks.engines.variants import base_run
from sweep.config.part_classes import Rule
from sweep.config.parts import part_of
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.results.provenance import versions

CPU = torch.device("cpu")
BATCH, TAU = 128, 4
NETWORKS: dict[str, dict[str, Any]] = {
    "NiN 8x2, LSQ, 4-bit weights": {},
    "ResNet-20, SAQ, 4-bit weights and activations": {
        "model": "resnet20", "quantizer": "saq", "act_bits": 4, "first_last": "8",
    },
}  # fmt: skip
SAQ = {"rule": "saq", "saq_case": 3, "rho": 0.05}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "plain again": {},
    "SAM": {"rule": "sam", "rho": 0.05},
    "SAQ, case 1": SAQ | {"saq_case": 1},
    "SAQ, case 2": SAQ | {"saq_case": 2},
    "SAQ, case 3": SAQ,
    f"SAQ, case 3, efficient, tau {TAU}": SAQ | {"tau": TAU, "beta": 0.7},
    "SAQ, case 1, full-precision eps": SAQ | {"saq_case": 1, "grad_source": "full_precision"},
}
NOTES = """\
Times per training step as ratios to `plain` of the same repeat: median, lowest and highest of the repeats; `plain
again` is the same variant twice, the noise of these figures. `expected`: forward and backward passes per step.

SAQ's Table 6 (4-bit ResNet-34, batch 512, 4 V100) has 1632 images/s with SGD, 841 without and 1454 with efficient
training: 1.94 and 1.12 times SGD's time per image, of which the second is less than the 1.25 passes of tau 4."""


class Steps:
    """Asked after every step whether to stop; the first `TAU` steps are not timed."""

    def __init__(self, timed: int) -> None:
        self._timed, self._count, self._start = timed, 0, 0.0
        self.step_s = 0.0

    def __call__(self) -> bool:
        self._count += 1
        if self._count == TAU:
            self._start = now_s(CPU)
        if self._count < TAU + self._timed:
            return False
        self.step_s = (now_s(CPU) - self._start) / self._timed
        return True


def time_s(run: RunConfig, steps: int) -> float:
    clock = Steps(steps)
    train_plain([run], ImageData(random_images(4 * BATCH, 8), run, CPU), CPU, clock, captured=False)
    return clock.step_s


def measured(runs: dict[str, RunConfig], repeats: int, steps: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(repeats):
        for name, run in runs.items():
            found[name].append(time_s(run, steps))
    return found


def section(network: str, repeats: int, steps: int) -> str:
    runs = {name: base_run(8, 2, BATCH, "fp32", **NETWORKS[network], **changes) for name, changes in VARIANTS.items()}
    found = measured(runs, repeats, steps)
    head = "| variant | ms a step | times plain | lowest | highest | expected |"
    lines = [_line(name, run, found[name], found["plain"]) for name, run in runs.items()]
    return "\n".join([f"## {network}", "", head, "|---|---|---|---|---|---|", *lines])


def _line(name: str, run: RunConfig, seconds: list[float], plain: list[float]) -> str:
    ratios = [one / other for one, other in zip(seconds, plain, strict=True)]
    cells = [f"{statistics.median(seconds) * 1000:.0f}"]
    cells += [f"{summary(ratios):.2f}" for summary in (statistics.median, min, max)]
    return f"| {name} | {' | '.join(cells)} | {part_of(Rule, run.rule).passes(run):g} |"


def head() -> str:
    found = versions()
    facts = {
        "command": f"python -m benchmarks.rules {shlex.join(sys.argv[1:])}".strip(),
        "commit": found["commit"] + (" with changes" if found["dirty"] else ""),
        "torch": found["torch_version"],
        "device": device_name(CPU),
    }
    return "\n".join(f"- {key}: {value}" for key, value in facts.items())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--network", choices=NETWORKS, help="this one alone")
    parser.add_argument("--out", type=Path, help="as markdown; else only printed")
    given = parser.parse_args()
    if given.steps % TAU:
        parser.error(f"--steps {given.steps}: allowed are multiples of {TAU}")
    torch.set_num_threads(1)
    sections = [head(), NOTES]
    for network in [given.network] if given.network else NETWORKS:
        sections.append(section(network, given.repeats, given.steps))
        print(sections[-1], flush=True)
    if given.out:
        given.out.write_text("\n\n".join(sections) + "\n")


if __name__ == "__main__":
    main()
