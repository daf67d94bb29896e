"""Environment variables that workers start with."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

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

# Workers start as `python -m`, which looks for modules in the working directory first: a folder sweep or torch there,
# or a file random.py, would be taken for the real one.
SAFE_PATH = {"PYTHONSAFEPATH": "1"}

# The id of the scheduler's job that a worker is: its launcher sets it in the worker. Missing in other processes.
JOB_ID = "QSWEEP_JOB_ID"


def worker_environment(inherited: Mapping[str, str], project: Path) -> dict[str, str]:
    """The environment of a worker that imports the packages in the folder `project`, and `inherited`.

    Of malloc's settings and the fault handler, those that the user has set stay.
    """
    paths = [str(project), *inherited.get("PYTHONPATH", "").split(os.pathsep)]
    path = os.pathsep.join(dict.fromkeys(filter(None, paths)))  # an empty entry is the working directory
    return {**MALLOC, **FAULT_HANDLER, **inherited, **SAFE_PATH, "PYTHONPATH": path}


def search_path() -> tuple[str, ...]:
    """The folders where this process finds modules, as paths that mean the same in every working directory."""
    return tuple(str(Path(folder).resolve()) for folder in sys.path)


def extend_search_path(folders: Sequence[str]) -> None:
    """Has this process look for modules in `folders` too, after everything else."""
    sys.path += [folder for folder in folders if folder not in sys.path]


@contextmanager
def environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Has this process, and the processes that it starts meanwhile, see exactly `variables`."""
    before = dict(os.environ)
    _replace_environment(variables)
    try:
        yield
    finally:
        _replace_environment(before)


def _replace_environment(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)
