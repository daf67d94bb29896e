"""Which code decides the numbers of a piece of work: where it begins, the parts that it uses, and all they import.

Two pieces of work that use the same parts have the same code. An edit of anything else makes no row stale.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import attrgetter
from types import MappingProxyType

from sweep.config.chosen import NO_QUANTIZER, PART_CLASSES
from sweep.config.datasets import DataSet
from sweep.config.engines import ENGINES
from sweep.config.parts import part_of
from sweep.config.run import DataSource, RunConfig
from sweep.config.transfer import NO_TEACHER, RANDOM
from sweep.config.work import Kind, Options
from sweep.plan.sources import Sources, installed_text

_TRAINING = ("sweep.worker.train", "sweep.worker.images")
# Where each kind of work begins. Weights that are measured or evaluated are made by training: its code is theirs.
ENTRIES: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        "train": _TRAINING,
        "measure": (*_TRAINING, "sweep.worker.measurements", "sweep.measures.measurement"),
        "distort": (*_TRAINING, "sweep.worker.distort", "sweep.distortions.images", "sweep.distortions.evaluate"),
    }
)
# What plans, starts, records and shows work, and decides no number of it.
AROUND = (
    "launchers", "sweep.plan", "sweep.results", "sweep.terminal", "sweep.worker", "sweep.config.disk",
    "sweep.config.settings",
)  # fmt: skip
_NAMES = attrgetter(*(part_class.key for part_class in PART_CLASSES))
WEIGHT_FILES = "sweep.worker.weight_files"  # of runs that start from weights, or have a teacher

TeacherOf = Callable[[RunConfig], RunConfig]
CodeOf = Callable[[RunConfig, DataSource, str], "Code"]  # of a run, its images and the engine that trains it
CodeOfWork = Callable[[RunConfig, DataSource, Options | None], "Code"]  # of work with such options on a trained run


@dataclass(frozen=True)
class Code:
    """The code of a piece of work, as `sources` have it; equal for work that uses the same parts."""

    entries: frozenset[str]  # modules where the work begins, those of the parts that it uses among them
    sources: Sources = field(compare=False, repr=False)
    accepted: frozenset[tuple[str, str]] = field(default=frozenset(), compare=False, repr=False)

    @cached_property
    def modules(self) -> frozenset[str]:
        """Every module that decides a number; raises ModuleNotFoundError where one of `entries` is missing."""
        return self.sources.closure(self.entries, AROUND)

    @cached_property
    def fingerprint(self) -> str:
        """The sha256 of what `modules` compute."""
        return self.sources.fingerprint(self.modules)

    def made(self, fingerprint: str) -> bool:
        """Tells if a row with this fingerprint is of this code, or of one that a user accepted as equal to it."""
        return fingerprint == self.fingerprint or (fingerprint, self.fingerprint) in self.accepted


class TodaysCode:
    """The code of work of one kind, as it lies on disk; every combination of parts is looked at once."""

    def __init__(
        self,
        kind: Kind,
        teacher_of: TeacherOf,
        accepted: frozenset[tuple[str, str]] = frozenset(),
        sources: Sources | None = None,
    ) -> None:
        """`teacher_of` tells the science config of a run's teacher; `accepted` are pairs of an older fingerprint and
        the one that it was accepted as."""
        self._kind, self._teacher_of, self._accepted = kind, teacher_of, accepted
        self._sources = sources or Sources(installed_text)
        self._known: dict[tuple[object, ...], Code] = {}

    def of(self, run: RunConfig, source: DataSource, engine: str, options: Options | None = None) -> Code:
        """Returns the code of work with `options` on `run`, which `engine` trains on images that `source` loads."""
        own = frozenset(part.code for part in options.parts) if options else frozenset()
        key = (engine, source.loader, run.initial_weights == RANDOM, run.teacher, own, *_NAMES(run))
        if key not in self._known:
            self._known[key] = Code(own | self._entries(run, source, engine), self._sources, self._accepted)
        return self._known[key]

    def _entries(self, run: RunConfig, source: DataSource, engine: str) -> frozenset[str]:
        modules = {*ENTRIES[self._kind], ENGINES[engine], _loader(source), *_parts(run)}
        if run.initial_weights != RANDOM or run.teacher != NO_TEACHER:
            modules.add(WEIGHT_FILES)
        if run.teacher != NO_TEACHER:
            modules |= _parts(self._teacher_of(run))
        return frozenset(modules)


def _parts(run: RunConfig) -> set[str]:
    """The modules of the parts that `run` is made of, but for its images."""
    chosen = [(each, getattr(run, each.key)) for each in PART_CLASSES]
    return {part_of(each, name).code for each, name in chosen if name != NO_QUANTIZER}


def _loader(source: DataSource) -> str:
    return part_of(DataSet, source.loader).code
