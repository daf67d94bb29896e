"""The kernels where there is no GPU."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sweep import PROJECT

pytestmark = pytest.mark.skipif(find_spec("triton") is None, reason="Triton is not installed")


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
