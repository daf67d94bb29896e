"""What the compiler makes of the array engine's kernels for sm_90 (H100, H200), without such a card.

    python -m benchmarks.kernels_sm90 [--precision bf16] [--channels 200 256 304]

Every kernel is launched as in training, at a batch of 128 CIFAR-10 images, on a driver that compiles and then leaves
the launch out. Prints a markdown table of compiler facts, not of timings.
"""

import argparse
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import triton
from triton.backends.compiler import GPUTarget

from sweep.models.nin.model import NiN
from sweep.training.array.kernels.batch_norm import finish_gradients, finish_statistics
from sweep.training.array.kernels.convolution import convolution
from sweep.training.array.kernels.input_gradient import input_gradient
from sweep.training.array.kernels.output_gradient import output_gradient
from sweep.training.array.kernels.shape import Shape
from sweep.training.array.kernels.tensors import BelowNorm, Products, Running, Source
from sweep.training.array.kernels.update import blocks_of, sum_step_gradients, update_layer
from sweep.training.array.kernels.weight_gradient import weight_gradient
from sweep.training.array.layout import Layer, layers_of, parameters_per_member, views
from sweep.training.array.operations import Quantized, StepSizes
from sweep.training.array.state import Stack
from sweep.training.precision import OPERANDS

IMAGES, IMAGE_SIZE, CLASSES = 128, 32, 10
SHARED_MEMORY = 232_448  # bytes that one block may have on sm_90
CUOBJDUMP = Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump"
NVDISASM = CUOBJDUMP.with_name("nvdisasm")


class Compiled(NamedTuple):
    """One kernel for one layer."""

    name: str
    shape: Shape | None
    warps: int
    registers: int
    stack_bytes: int  # where spilled registers go
    shared_bytes: int
    local: int  # loads and stores of local memory
    wgmma: int
    mma: int
    wide: int  # 16-byte loads from global memory, straight to shared memory too
    narrow: int


class CompileOnly:
    """Stands in for Triton's CUDA driver: takes what was compiled, launches nothing."""

    def __init__(self) -> None:
        self.utils = self
        self.compiled: list[Compiled] = []

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", 90, 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_device_properties(self, device: int) -> dict[str, int]:
        return {"max_shared_mem": SHARED_MEMORY}

    def launcher_cls(self, source: Any, metadata: Any) -> Any:
        shapes = [constant for constant in source.constants.values() if isinstance(constant, Shape)]
        self._pending = source.fn.__name__.strip("_"), next(iter(shapes), None), metadata.num_warps
        return lambda *_: None

    def load_binary(self, name: str, cubin: bytes, shared: int, device: int) -> tuple[str, str, int, int, int]:
        kernel, shape, warps = self._pending
        self.compiled.append(Compiled(kernel, shape, warps, *_resources(cubin), shared, *_instructions(cubin)))
        return name, name, 0, 0, 1024  # module, function, and what Triton does not look at, but for the threads


def _tool(path: Path, cubin: bytes, *options: str) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        Path(file.name).write_bytes(cubin)
        return subprocess.run([path, *options, file.name], check=True, capture_output=True, text=True).stdout


def _resources(cubin: bytes) -> tuple[int, int]:
    """Registers per thread, and bytes of its stack."""
    found = re.search(r"REG:(\d+) STACK:(\d+)", _tool(CUOBJDUMP, cubin, "--dump-resource-usage"))
    assert found
    return int(found[1]), int(found[2])


def _instructions(cubin: bytes) -> tuple[int, ...]:
    """How often the machine code has: local memory; and as in `Compiled`, after `shared_bytes`."""
    code = _tool(NVDISASM, cubin, "-c")
    patterns = (r"\b(?:LDL|STL)\b", r"\bHGMMA\b", r"\bHMMA\b", r"\b(?:LDG|LDGSTS)\.E\S*\.128\b", r"\b(?:LDG|LDGSTS)\b")
    local, wgmma, mma, wide, all_loads = (len(re.findall(pattern, code)) for pattern in patterns)
    return local, wgmma, mma, wide, all_loads - wide


def launch_all(channels: int, precision: str) -> None:
    """Forward and backward pass and update of one member, layer by layer, on tensors of any content."""
    layers = layers_of(NiN(3, CLASSES, channels, depth=2), IMAGE_SIZE, IMAGE_SIZE)
    size = parameters_per_member(layers)
    stack = Stack(*(torch.empty(1, size) for _ in Stack._fields))
    tensors = [views(tensor, layers) for tensor in stack]
    for number, layer in enumerate(layers):
        _launch_layer(layer, [each[number] for each in tensors], precision)
    z = torch.empty(1, IMAGES * layers[-1].positions, layers[-1].columns, dtype=OPERANDS[precision])
    output_gradient(z, z, torch.empty(1, 5, z.shape[2]))


def _launch_layer(layer: Layer, tensors: Sequence[Any], precision: str) -> None:
    shape, dtype = Shape.of(layer), OPERANDS[precision]
    products = Products(shape, IMAGES, "tf32" if precision == "tf32" else "ieee")
    one, channels = torch.ones(1), layer.columns
    values = torch.empty(1, IMAGES * shape.in_positions, shape.in_channels, dtype=dtype)
    source = Source(values, None if layer.is_first else torch.empty(1, 5, shape.in_channels))
    weight = Quantized(torch.empty(1, shape.rows, channels, dtype=dtype), one)
    convolved = convolution(source, weight.operand, products)
    running = Running(torch.empty(1, channels), torch.empty(1, channels))
    norm = finish_statistics(convolved, tensors[0], running, one, 1e-5, 0.1)
    below = BelowNorm(torch.empty_like(convolved.z), convolved.partials)
    gradient = finish_gradients(below, convolved.z, norm, tensors[1])
    weight_gradient(source, gradient, one, tensors[1].weight, products)
    if source.norm is not None:
        input_gradient(gradient, weight, source, products)
    steps = StepSizes(*torch.ones(3, 1, 1, 1, 1), torch.ones(1, 1, 1, dtype=torch.bool))
    step_grads = torch.empty(1, 1, blocks_of(layer))
    update_layer(Stack(*(each.weight for each in tensors)), layer, steps, torch.empty(1, 10), step_grads[:, 0])
    sum_step_gradients(step_grads, one[None], one[None])


def compile_all(channels: Sequence[int], precision: str) -> list[Compiled]:
    driver = CompileOnly()
    triton.runtime.driver.set_active(driver)
    for count in channels:
        launch_all(count, precision)
    return driver.compiled


def table(compiled: Sequence[Compiled]) -> str:
    heads = ("kernel", "layer", "warps", "registers", "stack bytes", "local memory", "shared KB", "wgmma", "mma",
             "16-byte loads", "narrower")  # fmt: skip
    rows = [
        (each.name, _layer(each.shape), each.warps, each.registers, each.stack_bytes, each.local,
         f"{each.shared_bytes / 1024:.0f}", each.wgmma, each.mma, each.wide, each.narrow)
        for each in compiled
    ]  # fmt: skip
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _layer(shape: Shape | None) -> str:
    if shape is None:
        return ""
    return f"{shape.kernel}x{shape.kernel}, {shape.in_channels} to {shape.out_channels}, {shape.in_height} px"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--precision", choices=[name for name in OPERANDS if name != "fp64"], default="bf16")
    parser.add_argument("--channels", type=int, nargs="+", default=[200, 256, 304])
    args = parser.parse_args()
    print(table(compile_all(args.channels, args.precision)))
    print(f"\nTriton {triton.__version__}, PyTorch {torch.__version__}, precision {args.precision}")


if __name__ == "__main__":
    main()
