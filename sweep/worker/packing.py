"""How tasks are divided into packs, for workers with the devices and the engine of the settings."""

from collections.abc import Sequence
from functools import partial

from sweep.config.settings import Settings
from sweep.plan.packs import Task, split_into_packs
from sweep.worker.arrays import array_limit, describe_arrays, memory_bytes


def split_for_workers(tasks: Sequence[Task], settings: Settings, workers: int) -> list[tuple[Task, ...]]:
    """Divides `tasks` into those of each pack, the longest first, for `workers` that work at a time.

    Where runs train in arrays a pack is one array, no larger than the memory of a worker's device takes.
    """
    limit = None
    if settings.engine == "array":
        limit = partial(array_limit, settings=settings, memory_bytes=memory_bytes(settings, workers))
    return split_into_packs(tasks, workers, settings.pack_minutes, limit)


def describe_split(packs: Sequence[tuple[Task, ...]], settings: Settings) -> str:
    """Says how many runs of `packs` train together, and the memory that takes; empty where each trains alone."""
    return describe_arrays(packs, settings) if settings.engine == "array" and packs else ""
