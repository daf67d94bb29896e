"""A full disk is told from other errors, also where a library raises its own."""

import errno
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from sweep.config.disk import full_disk

FULL_DEVICE = Path("/dev/full")  # every write to it fails as on a full disk
needs_device = pytest.mark.skipif(not FULL_DEVICE.exists(), reason="no /dev/full here")


def by_python() -> None:
    with FULL_DEVICE.open("w") as stream:
        stream.write("x")


def by_torch() -> None:
    with FULL_DEVICE.open("wb", buffering=0) as stream:
        torch.save({"w": torch.zeros(9)}, stream)


def by_pyarrow() -> None:
    pq.write_table(pa.table({"a": range(9)}), FULL_DEVICE)


@needs_device
@pytest.mark.parametrize("write", [by_python, by_torch, by_pyarrow])
def test_whoever_writes(write: object) -> None:
    with pytest.raises(Exception) as error:
        write()  # type: ignore[operator]
    text = full_disk(error.value)
    assert text.startswith("no space left") and "the same command goes on" in text and "\n" not in text


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_the_file_is_named(number: int) -> None:
    assert full_disk(OSError(number, "full", "/r/rows")).startswith("no space left for /r/rows: ")


def test_other_errors_are_none() -> None:
    assert full_disk(OSError(errno.EACCES, "denied", "/r")) == full_disk(ValueError("no space left")) == ""


def test_a_command_shows_one_line() -> None:
    program = "import sweep.config, errno; raise OSError(errno.ENOSPC, 'full', '/r/rows')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("error: no space left for /r/rows: ")
    assert len(done.stderr.splitlines()) == 1
