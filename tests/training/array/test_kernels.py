"""The kernels where there is no GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweep import PROJECT

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")

HEADER = "| kernel | layer | warps | registers | stack bytes | local memory |"
PRODUCTS = ("convolution", "input_gradient", "weight_gradient")


def run(arguments: list[str], environment: dict[str, str]) -> str:
    """What Python prints in a process of its own: Triton interprets all kernels of a process, or none."""
    inherited = {name: value for name, value in os.environ.items() if name != "TRITON_INTERPRET"}
    process = subprocess.run(
        [sys.executable, *arguments], cwd=PROJECT, env=inherited | environment, capture_output=True, text=True
    )
    assert process.returncode == 0, process.stdout + process.stderr
    return process.stdout


def test_numbers_in_the_interpreter() -> None:
    folder = Path(__file__).parent / "kernels"
    printed = run(["-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)], {"TRITON_INTERPRET": "1"})
    assert " passed" in printed


@pytest.mark.parametrize("channels", [200, *(pytest.param(c, marks=pytest.mark.slow) for c in (256, 304))])
def test_machine_code_for_sm_90(channels: int) -> None:
    printed = run(["-m", "benchmarks.kernels_sm90", "--channels", str(channels)], {})
    assert HEADER in printed
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in printed.splitlines() if line.startswith("|")]
    kernels = {row[0] for row in rows[2:]}
    assert set(PRODUCTS) <= kernels
    for kernel, layer, _, _, stack, local, _, wgmma, mma, *_ in rows[2:]:
        assert (stack, local) == ("0", "0"), f"{kernel} of {layer} spills"
        if kernel in PRODUCTS:
            assert int(wgmma) + int(mma) > 0, f"{kernel} of {layer} has no matrix instructions"
