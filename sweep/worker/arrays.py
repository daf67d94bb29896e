"""Which runs train together: those of one architecture, as many as the device's memory takes."""

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

from sweep import data
from sweep.config.facts import DataFacts
from sweep.config.run import RunConfig
from sweep.config.settings import Settings
from sweep.plan.packs import Task, array_groups
from sweep.worker.hardware import free_memory_bytes, gpu_memory_bytes, host_memory_bytes

UNKNOWN_GPU_BYTES = 40 * 2**30  # a cluster's, where a login node has none and gpu_memory_gb does not tell
_facts = cache(data.describe)


def arrays_of(tasks: Sequence[Task], settings: Settings) -> Iterator[list[Task]]:
    """Yields `tasks` as a worker trains them: one at a time, or as arrays that fit into its device's free memory."""
    if settings.engine == "plain":
        yield from ([task] for task in tasks)
        return
    groups, others = array_groups(tasks)
    yield from ([task] for task in others)
    for group in groups:
        left = iter(group)
        while members := list(islice(left, array_limit(group[0], settings, free_memory_bytes(settings.device)))):
            yield members


def memory_bytes(settings: Settings, workers: int) -> int:
    """Returns the bytes of one worker's device, as far as a launcher can know: workers ask their own again."""
    if settings.device == "cpu":
        return host_memory_bytes() // workers
    if settings.gpu_memory_gb:
        return int(settings.gpu_memory_gb * 2**30)
    return gpu_memory_bytes() or UNKNOWN_GPU_BYTES


def array_limit(task: Task, settings: Settings, memory_bytes: int) -> int:
    """Returns the most members that an array of runs like `task` may have on a device with `memory_bytes`."""
    fit = _members_that_fit(task.run, _facts(task.source), memory_bytes, settings.device == "cuda")
    return min(fit, settings.array_size) if settings.array_size else fit


def describe_arrays(arrays: Sequence[Sequence[Task]], settings: Settings) -> str:
    """Says how many runs train together, and the memory that the largest of `arrays` will take, in GiB."""
    from sweep.training.array.memory import predicted_bytes

    compiled = settings.device == "cuda"
    predicted = [predicted_bytes(each[0].run, _facts(each[0].source), len(each), compiled) for each in arrays]
    sizes = sorted({len(array) for array in arrays})
    runs = f"{sizes[0]} to {sizes[-1]} runs" if len(sizes) > 1 else f"{sizes[0]} runs"
    return f"{len(arrays)} arrays of {runs}, {max(predicted) / 2**30:.1f} GiB at most"


@cache
def _members_that_fit(run: RunConfig, facts: DataFacts, memory_bytes: int, compiled: bool) -> int:
    from sweep.training.array.memory import members_that_fit

    return members_that_fit(run, facts, memory_bytes, compiled)
