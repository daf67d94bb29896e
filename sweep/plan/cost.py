"""What a run will cost, in seconds, before it starts: operation counts, corrected by stored rows of similar runs."""

import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sweep.config.facts import DataFacts
from sweep.config.part_classes import Rule
from sweep.config.parts import part_of
from sweep.config.run import RUN_FIELDS, RunConfig, can_join_array, evaluated_epochs
from sweep.config.transfer import NO_TEACHER
from sweep.plan.operations import macs_per_image


@dataclass(frozen=True)
class Speed:
    """The speed of one worker: multiply-accumulates per second, and what each training step takes besides."""

    macs_per_s: float
    step_s: float  # whatever the size of the network


# Rough figures, used only until a row of the same device and engine is stored. CPU: NiN (8 x 2) at batch 128 and a
# NiN of 32 channels, one core of a 2-core x86 machine; of an array, a share. CUDA: calculated for 16-bit precision on
# one H200, a step in a CUDA graph and an array at 21,000 model-epochs per hour.
SPEEDS = {
    "cpu": Speed(4.5e10, 4e-3),
    "cpu array": Speed(3.5e10, 2e-3),
    "cuda": Speed(5e13, 5e-4),
    "cuda array": Speed(8e13, 1e-5),
}
BACKWARD = 2.0  # multiply-accumulates of the backward pass per one of the forward pass


def processor_of(device: str, engine: str | None) -> str:
    """Returns what decides the speed of a worker, or of a row: cpu or cuda, and whether runs train in arrays."""
    return ("cpu" if device == "cpu" else "cuda") + (" array" if engine == "array" else "")


def processor_for(run: RunConfig, processor: str) -> str:
    """Returns what `processor` is for `run`: workers that train arrays train a run that cannot join one by itself."""
    return processor if can_join_array(run) else processor.removesuffix(" array")


def engine_on(processor: str) -> str:
    """Returns the engine that trains there."""
    return "array" if processor.endswith(" array") else "plain"


def operations_s(run: RunConfig, facts: DataFacts, processor: str) -> float:
    """Seconds that `run` takes by operation counts alone on `processor`, see `processor_of`."""
    speed = SPEEDS[processor]
    train, test = facts.subset(run)
    steps = run.epochs * -(-train // run.batch_size)
    teacher = 1 if run.teacher != NO_TEACHER and run.teacher_labels == "live" else 0  # as if it were as large
    trained = run.epochs * train * (part_of(Rule, run.rule).passes(run) * (1 + BACKWARD) + teacher)
    images = trained + len(evaluated_epochs(run)) * (train + test)
    return steps * speed.step_s + images * macs_per_image(run, facts) / speed.macs_per_s


# From most to least alike. The first level that has rows decides.
_SIMILAR = (
    ("dataset", "model", "base_width", "width", "depth", "batch_size", "optimizer", "quantizer", "act_bits"),
    ("dataset", "model", "base_width", "width", "depth"),
    ("dataset", "model"),
    (),
)


class Ratios:
    """Seconds that work on runs took, over what its operations alone would; the most similar runs decide."""

    def __init__(self, seen: Iterable[tuple[RunConfig, float]]) -> None:
        ratios: dict[tuple[Any, ...], list[float]] = defaultdict(list)
        for run, ratio in seen:
            for level in _SIMILAR:
                ratios[_key(run, level)].append(ratio)
        self._medians = {key: statistics.median(found) for key, found in ratios.items()}

    def expected_s(self, run: RunConfig, operations_s: float) -> tuple[float, str]:
        """Seconds, and what they come from: `rows` or `operations`."""
        for level in _SIMILAR:
            ratio = self._medians.get(_key(run, level))
            if ratio is not None:
                return ratio * operations_s, "rows"
        return operations_s, "operations"


def _key(run: RunConfig, level: tuple[str, ...]) -> tuple[Any, ...]:
    return (level, *(getattr(run, name) for name in level))


class CostModel:
    """Expected seconds of runs on one processor: operation counts times the median ratio of stored rows."""

    def __init__(self, processor: str, rows: Iterable[Mapping[str, Any]], facts: Mapping[str, DataFacts]) -> None:
        """`rows`: stored rows as mappings; only those of this processor and of data sets in `facts` count."""
        self.processor = processor
        self._ratios = Ratios(_seen(processor, rows, facts))

    def expected_s(self, run: RunConfig, facts: DataFacts) -> tuple[float, str]:
        """Seconds, and what they come from: `rows` or `operations`."""
        return self._ratios.expected_s(run, operations_s(run, facts, self.processor))


def _seen(
    processor: str, rows: Iterable[Mapping[str, Any]], facts: Mapping[str, DataFacts]
) -> Iterator[tuple[RunConfig, float]]:
    for row in rows:
        is_same = processor_of(row["device"], row["engine"]) == processor
        if row["status"] == "finished" and is_same and row["dataset"] in facts:
            run = RunConfig(**{name: row[name] for name in RUN_FIELDS})
            of_one_process = row["seconds"] * (row.get("processes") or 1)
            yield run, of_one_process / operations_s(run, facts[run.dataset], processor)
