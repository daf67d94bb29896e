"""What a measure is: what is taken of a trained network, with its columns and settings. Nothing here imports torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, ClassVar, NamedTuple

from sweep.config import outside
from sweep.config.checks import ConfigError, allowed, check_number
from sweep.config.parts import Hyperparameter, Part, Values, part_of, parts_of

# The forms of the weights that are measured: as they are, and with BN folded into the convolutions.
FORMS = ("raw", "folded")
ALL = "all"  # the measures of this package
_TYPES = (int, float, str, bool, list[int], list[float], list[str], list[bool])


@dataclass(frozen=True)
class MeasureColumn:
    """One value of a measurement. `type` is float, int, bool, str, a TypedDict of these, or a list of one of them."""

    name: str
    type: Any
    meaning: str
    unit: str = ""
    is_ranked: bool = False  # whether rankings and charts compare it with the gap; it is a float then
    table: str = ""  # the name of a `sweep.tables.flatness.FlatnessTable` in which it stands
    scale: str = ""  # the scale that it follows from, whose search tables mark where that found none


class ImagePasses(NamedTuple):
    """Counts of images that go through the network: forward alone, and for a loss and its gradient."""

    forward: float = 0
    gradient: float = 0


def no_passes(values: Values, images: int, classes: int) -> ImagePasses:
    return ImagePasses()


@dataclass(frozen=True)
class Measure(Part):
    """A measure. Its code has `of_form(form)`, `of_run(subject)` or both, which return values of columns by name.

    `form` and `subject` are those of `sweep.measures.subject`. A column of a form is in rows twice, with the prefixes
    raw_ and folded_. `reads` are settings, `measure.NAME` on command lines. `passes(values, images, classes)` says what
    one form costs on so many training images, or the run where there are no columns of a form.
    """

    key: ClassVar = "measure"
    room: ClassVar = "sweep.measures"
    entry_points: ClassVar = "qsweep.measures"

    of_form: tuple[MeasureColumn, ...] = ()
    of_run: tuple[MeasureColumn, ...] = ()
    paper: str = ""  # where it is printed; orders measures
    passes: Callable[[Values, int, int], ImagePasses] = no_passes

    def signatures(self) -> tuple[str, ...]:
        return ("of_form(form)",) * bool(self.of_form) + ("of_run(subject)",) * bool(self.of_run)

    @property
    def columns(self) -> tuple[MeasureColumn, ...]:
        """The columns as they are in rows."""
        of_forms = (replace(column, name=f"{form}_{column.name}") for form in FORMS for column in self.of_form)
        return (*self.of_run, *of_forms)


@cache
def measures() -> Mapping[str, Measure]:
    """All that there are, by name: ours by where they are printed, then those from outside; raises `ConfigError`."""
    found = parts_of(Measure).items()
    ordered = dict(sorted(found, key=lambda item: (item[1].is_from_outside, item[1].paper, item[0])))
    _check_columns(ordered.values())
    _check_tables(ordered.values())
    return ordered


def _check_columns(all_measures: Iterable[Measure]) -> None:
    """Raises `ConfigError` where two measures declare one column, or one has a type that rows cannot hold."""
    declared_by: dict[str, str] = {}
    for measure in all_measures:
        for column in measure.columns:
            first = declared_by.setdefault(column.name, measure.module)
            if first != measure.module:
                raise ConfigError(f"{measure.module} and {first} both declare the column {column.name}: rename one")
            if measure.is_from_outside and column.type not in _TYPES:
                raise ConfigError(
                    f"{measure.module}: the column {column.name} has the type {column.type}: allowed are int, float, "
                    f"str, bool, and list[...] of one of them"
                )
        if not measure.columns:
            raise ConfigError(f"{measure.module}: a measure needs columns: give of_form, of_run or both")


def _check_tables(all_measures: Iterable[Measure]) -> None:
    """Raises `ConfigError` where a column from outside is for no table of ours, and for none from outside."""
    known = tuple(all_measures)
    ours = tuple(sorted({c.table for each in known if not each.is_from_outside for c in each.columns if c.table}))
    for measure in known:
        for column in measure.columns:
            name = column.table
            if name and name not in ours and not (outside.is_dotted(name) and outside.is_found(name)):
                raise ConfigError(
                    f"{measure.module}: the column {column.name} has table={name}: allowed are {allowed(ours)}, the "
                    f"module of a table from outside, or none"
                )


def check_measures(name: str, value: object) -> str:
    """Returns what is measured, as `measure=` says it, in one order; raises `ConfigError`.

    Names with + between, of which `all` stands for all of this package.
    """
    asked = {part_of(Measure, each).name for each in str(value).split("+") if each != ALL}
    ours = [each.name for each in measures().values() if not each.is_from_outside]
    if ALL in str(value).split("+") or asked >= set(ours):
        return "+".join([ALL, *(each for each in measures() if each in asked and each not in ours)])
    return "+".join(each for each in measures() if each in asked)


def measures_in(text: str) -> tuple[Measure, ...]:
    """The measures that `text`, as `check_measures` returns it, stands for."""
    names = text.split("+")
    return tuple(
        each for name, each in measures().items() if name in names or (ALL in names and not each.is_from_outside)
    )


def unknown_measures(text: str) -> list[str]:
    """The names in `text`, of a row, of no measure here, as they are asked for."""
    return [f"{Measure.key}={name}" for name in text.split("+") if name != ALL and name not in measures()]


def columns_of_forms() -> dict[str, MeasureColumn]:
    """Returns the columns by name, without the prefix of the form."""
    return {column.name: column for measure in measures().values() for column in measure.of_form}


def ranked() -> tuple[str, ...]:
    """Names, without the prefix of the form, of what is compared with the gap."""
    return tuple(name for name, column in columns_of_forms().items() if column.is_ranked)


def in_table(table: str) -> tuple[str, ...]:
    """Names, without the prefix of the form, of what stands in `table`."""
    return tuple(name for name, column in columns_of_forms().items() if column.table == table)


def images_taken(count: int, images: int) -> int:
    """Returns how many of `images` are taken, where `count` are asked for and 0 is all."""
    return min(count or images, images)


# Kinds of settings that are part of every id, as those are that the first rows had.


def positive(name: str, type: Any, meaning: str, neutral: Any, **more: Any) -> Hyperparameter:
    """An int from 1 up, or a float above 0."""
    low = 1 if type is int else 0
    return Hyperparameter(name, type, meaning, neutral, low=low, low_open=type is float, in_every_id=True, **more)


def share(name: str, meaning: str, neutral: float, **more: Any) -> Hyperparameter:
    """Above 0 and below 1."""
    return Hyperparameter(name, float, meaning, neutral, parse=_share, in_every_id=True, **more)


def _share(name: str, value: object) -> float:
    number = check_number(name, value, 0, low_open=True)
    if number >= 1:
        raise ConfigError(f"{name}={value}: allowed is a share above 0 and below 1")
    return number


def one_of(name: str, meaning: str, choices: Sequence[str]) -> Hyperparameter:
    """The first choice is the default."""
    return Hyperparameter(name, str, meaning, choices[0], choices=tuple(choices), in_every_id=True)


def image_count(name: str, meaning: str, neutral: int) -> Hyperparameter:
    """Images, 0 for all."""
    return Hyperparameter(name, int, meaning, neutral, low=0, in_every_id=True)


# Settings that several measures read.
PERTURBED = one_of(
    "perturbed", "tensors: counted (weights of conv and linear layers) or all parameters", ("counted", "all")
)
CURVATURE_IMAGES = image_count(
    "curvature_images", "training images of Hessian, l-inf sharpness and landscape, 0 for all", 10_000
)
