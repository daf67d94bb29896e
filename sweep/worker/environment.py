"""Environment variables that workers start with."""

import os

# glibc gives large blocks back to the system when they are freed, and every page of the next one is zeroed anew. With
# these a step of NiN (8 x 2) at batch 128 was 1.17 times as fast in fp32 and 1.24 in bf16, for 11 % more memory; on
# digits nothing changed (benchmarks/malloc.py).
MALLOC = {
    "MALLOC_MMAP_THRESHOLD_": str(2**30),
    "MALLOC_TRIM_THRESHOLD_": str(2**32),
    "MALLOC_TOP_PAD_": str(2**26),
}


# Python writes to the log by which signal a worker crashes, and where: sweep/worker/crashes.py reads it.
FAULT_HANDLER = {"PYTHONFAULTHANDLER": "1"}


def set_for_workers() -> None:
    """In this process's environment, for its children; what is set already stays."""
    for name, value in (MALLOC | FAULT_HANDLER).items():
        os.environ.setdefault(name, value)
