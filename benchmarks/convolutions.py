"""Which convolutions this CPU's kernels get wrong, or write beyond their memory for.

    python -m benchmarks.convolutions [--isa AVX2] [--ours] [--threads 1] [--out FILE] [--only pointwise]
        [--batches 1 128] [--layouts contiguous] [--dtypes bf16]
    python -m benchmarks.convolutions --cost

Forward and backward of every convolution of our networks, and of a grid of others: 1x1, 3x3 and 7x7, strides 1 and 2,
few and odd channels, batches 1 to 128, both layouts, fp32 and bf16. Each case is a process of its own, forked from one
that has run no kernel of oneDNN (which has none for float64), with glibc's checks of the heap on (MALLOC_CHECK_=3,
MALLOC_PERTURB_, from libc_malloc_debug, where glibc has kept them since 2.34). Its output and three gradients are
compared with those of float64.

`--isa` limits oneDNN to an instruction set (ONEDNN_MAX_CPU_ISA): what only CPUs without AVX-512 do shows on any x86.
`--ours` takes the convolutions as `sweep.models.build_model` leaves them. Exits with 1 where a case is not right.
`--cost` prints what ours take of the time of PyTorch's own, forward and backward, in pairs. benchmarks/convolutions.md
has what was found.
"""

import argparse
import itertools
import os
import resource
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from sweep.config.networks import networks
from sweep.models import build_model
from sweep.models.convolution import subsample_pointwise
from tests.conftest import tiny_run

HEAP_CHECKS = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3", "MALLOC_PERTURB_": "165"}
LIMIT_S = 60  # of CPU time: what takes longer hangs, in a loop whose counter was overwritten
REPEATS = 4  # of a case: some faults need blocks that were freed before
MAX_MACS, MAX_PIXELS = 1e8, 4e6  # of a case that is not of one image
LAYOUTS = {"channels-last": torch.channels_last, "contiguous": torch.contiguous_format}
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
TOLERANCE = {"fp32": 1e-5, "bf16": 3e-2}  # of the same sums over absolute values; AVX2 keeps sums in bf16
BATCHES = (1, 3, 32, 128)
INPUTS = (1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 33)
OUTPUTS = (1, 3, 8, 17)
SIDES = (7, 32)
SMALLEST = {"base_width": 1, "width": 1, "depth": 10}
USUAL = {"base_width": 16, "width": 8, "depth": 16}
RIGHT = "right"
COST_BATCH, COST_STEPS, PAIRS, SAFE_INPUTS = 32, 3, 9, 16


class Shape(NamedTuple):
    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    groups: int
    side: int

    @property
    def side_after(self) -> int:
        return (self.side + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def macs(self) -> int:
        return self.side_after**2 * self.outputs * self.inputs // self.groups * self.kernel**2


class Case(NamedTuple):
    shape: Shape
    batch: int
    layout: str
    dtype: str


class Expected(NamedTuple):
    """What float64 makes of the convolution of one shape and batch, and how large its sums can be."""

    given: dict[str, Tensor]
    results: dict[str, Tensor]
    scales: dict[str, Tensor]

    @classmethod
    def of(cls, shape: Shape, batch: int) -> Self:
        given = _given(shape, batch)
        absolute = {name: value.abs() for name, value in given.items()}
        made = (
            _results(values, shape, torch.float64, torch.contiguous_format, ours=False) for values in (given, absolute)
        )
        return cls(given, *made)


def main() -> None:
    arguments = parse(sys.argv[1:])
    if arguments.cost:
        print(cost_table())
        return
    limit = {"ONEDNN_MAX_CPU_ISA": arguments.isa} if arguments.isa else {}
    wanted = {**os.environ, **HEAP_CHECKS, **limit}
    if wanted != dict(os.environ):  # libraries read these once, when a process starts
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.convolutions", *sys.argv[1:]], wanted)
    torch.set_num_threads(arguments.threads)
    shapes = sorted({*network_shapes(), *grid_shapes()})
    if arguments.only:
        shapes = [shape for shape in shapes if shape.kernel == 1 and shape.stride > 1]
    outcomes: dict[Case, str] = {}
    for (shape, batch), group in itertools.groupby(cases(shapes, arguments), lambda case: (case.shape, case.batch)):
        expected = Expected.of(shape, batch)
        outcomes |= {case: run_apart(case, expected, arguments.ours) for case in group}
    text = "\n\n".join([heading(arguments.ours, outcomes), table(outcomes)])
    print(text)
    if arguments.out:
        arguments.out.write_text(f"{text}\n")
    sys.exit(any(outcome != RIGHT for outcome in outcomes.values()))


def parse(line: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--isa", help="limit of oneDNN's instruction set, such as AVX2 or AVX512_CORE")
    parser.add_argument("--ours", action="store_true", help="as our networks run them")
    parser.add_argument("--only", choices=["pointwise"], help="1x1 convolutions with a stride")
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--layouts", choices=LAYOUTS, nargs="+", default=list(LAYOUTS))
    parser.add_argument("--dtypes", choices=DTYPES, nargs="+", default=list(DTYPES))
    parser.add_argument("--cost", action="store_true", help="time ours and PyTorch's own instead")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args(line)


def network_shapes() -> Iterator[Shape]:
    """Of all networks at a usual and at the smallest size, on 32 x 32 and on 224 x 224 images."""
    for name, sizes, side in itertools.product(networks(), (SMALLEST, USUAL), (32, 224)):
        found: list[Shape] = []
        with torch.device("meta"):
            model = build_model(tiny_run(**{"model": name} | sizes), 3, 10, (side, side)).eval()
            for module in model.modules():
                if isinstance(module, nn.Conv2d):
                    module.register_forward_pre_hook(lambda conv, given: found.append(shape_of(conv, given[0])))  # noqa: B023
            model(torch.empty(1, 3, side, side))
        yield from found


def shape_of(conv: nn.Module, images: Tensor) -> Shape:
    assert isinstance(conv, nn.Conv2d)
    (kernel, _), (stride, _), (padding, _) = conv.kernel_size, conv.stride, conv.padding
    return Shape(conv.in_channels, conv.out_channels, kernel, stride, int(padding), conv.groups, images.shape[-1])


def grid_shapes() -> Iterator[Shape]:
    for inputs, outputs, kernel, stride, side in itertools.product(INPUTS, OUTPUTS, (1, 3, 7), (1, 2), SIDES):
        yield Shape(inputs, outputs, kernel, stride, kernel // 2, 1, side)


def cases(shapes: Iterable[Shape], of: argparse.Namespace) -> Iterator[Case]:
    for shape, batch, layout, dtype in itertools.product(shapes, of.batches, of.layouts, of.dtypes):
        pixels = batch * (shape.inputs + shape.outputs) * shape.side**2
        if (batch * shape.macs <= MAX_MACS and pixels <= MAX_PIXELS) or batch == 1:
            yield Case(shape, batch, layout, dtype)


def run_apart(case: Case, expected: Expected, ours: bool) -> str:
    """What became of `case` in a process of its own; glibc's last words go to standard error."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S + 1))
        os.write(write, compared(case, expected, ours).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    status = os.waitpid(pid, 0)[1]
    if not os.WIFSIGNALED(status):
        return said or f"exit {os.waitstatus_to_exitcode(status)}"
    number = os.WTERMSIG(status)
    return "hangs" if number == signal.SIGXCPU else signal.Signals(number).name


def compared(case: Case, expected: Expected, ours: bool) -> str:
    """With float64, several times; tells the first that is off."""
    for _ in range(REPEATS):
        found = _results(expected.given, case.shape, DTYPES[case.dtype], LAYOUTS[case.layout], ours)
        for name, value in found.items():
            difference = (value.double() - expected.results[name]).abs()
            if not (difference <= TOLERANCE[case.dtype] * expected.scales[name]).all():
                return f"{name} wrong"
    return RIGHT


def _given(shape: Shape, batch: int) -> dict[str, Tensor]:
    """Values that bf16 has exactly, so that only the arithmetic differs."""
    generator = torch.Generator().manual_seed(0)
    sizes = {
        "images": (batch, shape.inputs, shape.side, shape.side),
        "weight": (shape.outputs, shape.inputs // shape.groups, shape.kernel, shape.kernel),
        "bias": (shape.outputs,),
        "gradient": (batch, shape.outputs, shape.side_after, shape.side_after),
    }
    return {name: torch.randn(size, generator=generator).bfloat16() for name, size in sizes.items()}


def _results(
    given: Mapping[str, Tensor], shape: Shape, dtype: torch.dtype, layout: torch.memory_format, ours: bool
) -> dict[str, Tensor]:
    """The output and, from its gradient, those of the images, the weight and the bias."""
    inputs, outputs, kernel, stride, padding, groups, _ = shape
    conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, groups=groups)
    conv.load_state_dict({name: given[name] for name in ("weight", "bias")})
    conv.to(dtype=dtype, memory_format=layout)  # type: ignore[call-overload]
    images = given["images"].to(dtype, copy=True, memory_format=layout).requires_grad_()
    output = (subsample_pointwise(conv) if ours else conv)(images)
    output.backward(given["gradient"].to(dtype))
    assert images.grad is not None and conv.weight.grad is not None and conv.bias is not None
    assert conv.bias.grad is not None
    return {"output": output.detach(), "images": images.grad, "weight": conv.weight.grad, "bias": conv.bias.grad}


def cost_table() -> str:
    """Markdown: of our networks' 1x1 convolutions with a stride that PyTorch's own can do, channels-last, fp32."""
    lines = ["| inputs | outputs | side | ours / PyTorch's own | lowest | highest |", "|---|---|---|---|---|---|"]
    torch.set_num_threads(1)
    for shape in sorted({s for s in network_shapes() if s.kernel == 1 and s.stride > 1 and s.inputs >= SAFE_INPUTS}):
        ratios = sorted(_seconds(shape, ours=True) / _seconds(shape, ours=False) for _ in range(PAIRS))
        shown = " | ".join(f"{ratio:.2f}" for ratio in (ratios[PAIRS // 2], ratios[0], ratios[-1]))
        lines.append(f"| {shape.inputs} | {shape.outputs} | {shape.side} | {shown} |")
    return "\n".join(lines)


def _seconds(shape: Shape, ours: bool) -> float:
    """CPU seconds of some forward and backward passes after the first."""
    given = _given(shape, COST_BATCH)
    _results(given, shape, torch.float32, torch.channels_last, ours)
    started = time.process_time()
    for _ in range(COST_STEPS):
        _results(given, shape, torch.float32, torch.channels_last, ours)
    return time.process_time() - started


def heading(ours: bool, outcomes: Mapping[Case, str]) -> str:
    limit = os.environ.get("ONEDNN_MAX_CPU_ISA", "not set")
    wrong = sum(outcome != RIGHT for outcome in outcomes.values())
    return (
        f"torch {torch.__version__}, capability {torch.backends.cpu.get_cpu_capability()}, ONEDNN_MAX_CPU_ISA {limit}, "
        f"{torch.get_num_threads()} threads; convolutions {'of our networks' if ours else 'as PyTorch has them'}: "
        f"{wrong} of {len(outcomes)} cases are not right."
    )


def table(outcomes: Mapping[Case, str]) -> str:
    """Markdown: by kernel, stride, layout and precision, how many cases, and what became of those not right."""
    groups: dict[tuple[str, ...], list[tuple[Case, str]]] = defaultdict(list)
    for case, outcome in outcomes.items():
        shape = case.shape
        kernel = f"{shape.kernel}x{shape.kernel}{' grouped' if shape.groups > 1 else ''}"
        groups[kernel, str(shape.stride), case.layout, case.dtype].append((case, outcome))
    lines = [
        "| kernel | stride | layout | precision | cases | not right | how | inputs | outputs | batches | sides |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join(lines + [_line(key, found) for key, found in groups.items()])


def _line(key: tuple[str, ...], found: Sequence[tuple[Case, str]]) -> str:
    faults = [(case, outcome) for case, outcome in found if outcome != RIGHT]
    how = ", ".join(f"{name} {count}" for name, count in Counter(outcome for _, outcome in faults).most_common())
    shapes = [case.shape for case, _ in faults]
    where: list[set[int]] = [{s.inputs for s in shapes}, {s.outputs for s in shapes}]
    where += [{case.batch for case, _ in faults}, {s.side for s in shapes}]
    cells = [*key, str(len(found)), str(len(faults)), how, *(" ".join(map(str, sorted(values))) for values in where)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
