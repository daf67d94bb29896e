"""Parts: what a run can be made of, each declared once, beside its code. Nothing here imports torch.

A part is a module that declares `PART`, a `Part` of some class (`sweep.config.part_classes`), or `PARTS` of a family.
It lies in the room of its class, or outside, where an entry point or the environment names it. What else has to be
known of parts follows from these declarations: the fields and checks of a run, what is left out of its id, the columns
of rows, tables of the README.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property, lru_cache
from types import ModuleType
from typing import Any, ClassVar, TypeVar, get_args

from sweep.config import faults, outside
from sweep.config.checks import (
    ConfigError,
    allowed,
    bounds_in_words,
    check_boolean,
    check_choice,
    check_integer,
    check_number,
)

Values = Mapping[str, Any]  # hyperparameters by name
REQUIRED: Any = object()  # the neutral value of a hyperparameter that has none


def always(values: Values) -> bool:
    return True


def no_conflict(values: Values) -> str | None:
    return None


@dataclass(frozen=True)
class Hyperparameter:
    """One value that can change a run's numbers.

    `type` is int, float, str, bool, tuple[int, ...] or tuple[float, ...]. `neutral` is the value that changes nothing:
    a run has it where nothing reads the hyperparameter, and ids are made without those that are at it, unless
    `in_every_id`, so that a new one leaves the ids of stored runs as they are. `read_if` says with which other values
    it is read at all.
    """

    name: str
    type: Any
    meaning: str
    neutral: Any = REQUIRED
    unit: str = ""
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    choices: tuple[str, ...] = ()
    parse: Callable[[str, Any], Any] | None = None  # (name, value): where type, bounds and choices cannot say it
    read_if: Callable[[Values], bool] = always
    in_every_id: bool = False
    differs_in_arrays: bool = False  # whether runs that train in one array may have other values of it
    is_of_precision: bool = False  # whether only quantized networks can differ in it
    is_refused_unread: bool = False  # whether another value than the neutral one is an error where nothing reads it

    def check(self, value: object) -> Any:
        """Returns `value` in the declared type; raises `ConfigError`, which says what is allowed."""
        try:
            return self._remembered(value)
        except TypeError:  # a list cannot be remembered
            return self._check(value)

    @cached_property
    def _remembered(self) -> Callable[[Any], Any]:
        """A grid of 100,000 runs has a few values of each."""
        return lru_cache(maxsize=1000, typed=True)(self._check)

    def _check(self, value: object) -> Any:
        if self.parse:
            return self.parse(self.name, value)
        if self.choices:
            return check_choice(self.name, value, self.choices)
        if self.type is bool:
            return check_boolean(self.name, value)
        if self.type is str:
            return str(value)
        if self.type in (int, float):
            return self._number(value)
        return self._numbers(value)

    def _number(self, value: object) -> int | float:
        low = float("-inf") if self.low is None else self.low
        if self.type is int:
            return check_integer(self.name, value, low, self.high)
        return check_number(self.name, value, low, self.low_open, self.high)

    def _numbers(self, value: object) -> tuple[int | float, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ConfigError(f"{self.name}={value}: allowed is a list, each {self.allowed}")
        item_type = get_args(self.type)[0]
        return tuple(replace(self, type=item_type)._number(item) for item in value)

    @property
    def allowed(self) -> str:
        """The values that there can be, in words."""
        if self.choices:
            return allowed(self.choices)
        if self.type is bool:
            return allowed(("true", "false"))
        if self.parse or self.type is str:
            return "see its meaning"
        return bounds_in_words(self.type not in (float, tuple[float, ...]), self.low, self.high, self.low_open)


@dataclass(frozen=True)
class Part:
    """The description of a part of any class. `conflict` is the error of values that cannot go with it, or None.

    `printed` are the names that it has in published tables: first the one that ours have, then how papers spell it
    besides. `code` is the module that does the work and may import torch; of a part that is a folder it is the module
    there that has the key of its class.
    """

    key: ClassVar[str]  # the hyperparameter whose value names the part
    room: ClassVar[str]  # the package where parts of this class lie
    entry_points: ClassVar[str]  # the group of those that are installed elsewhere
    has_files: ClassVar[bool] = False  # whether also plain modules of the room are parts, which must not import torch

    name: str
    meaning: str
    reads: tuple[Hyperparameter, ...] = ()
    printed: tuple[str, ...] = ()
    conflict: Callable[[Values], str | None] = no_conflict
    trains_in_arrays: bool = False  # whether the array engine knows it
    code: str = ""
    module: str = ""  # where it is declared; found out, not given

    @property
    def is_from_outside(self) -> bool:
        """True of parts that are known by their dotted names."""
        return self.name == self.module

    @property
    def printed_name(self) -> str:
        """The name that tables call it by: the first of `printed`, its own where there is none."""
        return self.printed[0] if self.printed else self.name

    def read_with(self, values: Values) -> Iterator[Hyperparameter]:
        """Yields the hyperparameters that it reads where the others are as in `values`."""
        return (own for own in self.reads if own.read_if(values))

    def defaults(self) -> dict[str, Any]:
        """Returns what choosing it sets, by key, where no file says more."""
        return {self.key: self.name}

    def signatures(self) -> tuple[str, ...]:
        """The functions that its code has, as they are called: `name(argument, argument)`."""
        return ()

    def load(self) -> Any:
        """The module with its code."""
        return importlib.import_module(self.code)

    def load_description(self) -> ModuleType:
        """The module that declares it."""
        return importlib.import_module(self.module)


AnyPart = TypeVar("AnyPart", bound=Part)
_PARTS: dict[type[Part], Mapping[str, Any]] = {}  # what `parts_of` has found
_LEFT_OUT: dict[str, ConfigError] = {}  # and which modules from outside it left out, with what is wrong with each


def parts_of(part_class: type[AnyPart]) -> Mapping[str, AnyPart]:
    """The parts of a class by name, ours and then those from outside.

    A module from outside that is gone or faulty is `left_out`. Raises `ConfigError` where two parts clash.
    """
    if part_class not in _PARTS:
        _PARTS[part_class] = _by_name(part_class, (*_ours(part_class), *_from_outside(part_class)))
    return _PARTS[part_class]


def _by_name(part_class: type[AnyPart], parts: Iterable[AnyPart]) -> dict[str, AnyPart]:
    found: dict[str, AnyPart] = {}
    for part in parts:
        if part.name in found:
            raise ConfigError(
                f"two parts have the name {part_class.key}={part.name}: those of "
                f"{found[part.name].module} and {part.module}"
            )
        found[part.name] = part
    return found


def part_of(part_class: type[AnyPart], name: str, besides: tuple[str, ...] = ()) -> AnyPart:
    """The part of that name; raises `ConfigError` where there is none. `besides` is what else its key may be."""
    parts = parts_of(part_class)
    if name not in parts:
        check_choice(part_class.key, name, (*besides, *parts), _hint(name))
    return parts[name]


def left_out() -> Mapping[str, ConfigError]:
    """The modules from outside that are to have parts and have none, so far as was looked, and what is wrong with each.

    What only reads can go on without them.
    """
    return _LEFT_OUT


def check_all_whole() -> None:
    """Raises the `ConfigError` of a module from outside that is `left_out`."""
    for error in _LEFT_OUT.values():
        raise error


def printed_name_of(part_class: type[Part], name: str) -> str:
    """Returns what tables call the part of that name; the name itself where there is no such part."""
    part: Part | None = parts_of(part_class).get(name)
    return part.printed_name if part else name


def spellings(parts: Iterable[Part]) -> dict[str, str]:
    """Every name of `parts` in published tables: the first of the same part's."""
    return {spelling: part.printed_name for part in parts for spelling in part.printed}


def _hint(name: str) -> str:
    """What to do where `name` may be a part from outside, of another class or of none; raises what is wrong with it."""
    if name in _LEFT_OUT:
        raise _LEFT_OUT[name]
    if name not in outside.asked_for():
        return outside.hint(name)
    part = declared_outside(name)
    return f". {_what_it_is(part)}: give {part.key}={name}"


def _ours(part_class: type[AnyPart]) -> Iterator[AnyPart]:
    room = importlib.import_module(part_class.room)
    for info in sorted(pkgutil.iter_modules(room.__path__), key=lambda info: info.name):
        if info.ispkg or part_class.has_files:
            module = f"{part_class.room}.{info.name}"
            for part in declared_in(module):
                if not isinstance(part, part_class):
                    raise ConfigError(f"{_what_it_is(part)}, and lies among parts of {part_class.key}")
                yield part


def _from_outside(part_class: type[AnyPart]) -> Iterator[AnyPart]:
    installed = outside.installed(part_class.entry_points)
    for module in sorted({*installed, *outside.asked_for()} - set(_LEFT_OUT)):
        try:
            part = declared_outside(module)
            if module in installed and not isinstance(part, part_class):
                raise ConfigError(f"{_what_it_is(part)}, and an entry point names it in {part_class.entry_points}")
        except ConfigError as error:
            _LEFT_OUT[module] = error
            continue
        if isinstance(part, part_class):
            yield part


@cache
def declared_outside(module: str) -> Part:
    """The part from outside that `module` declares; raises `ConfigError` on what is wrong with it."""
    part, *others = declared_in(module)
    if module.partition(".")[0] == __name__.partition(".")[0]:
        raise ConfigError(f"{module} is no part from outside: give {part.key}={part.name}")
    if others:
        raise ConfigError(
            f"{module} declares {1 + len(others)} parts. One from outside is called by the name of its module, which "
            f"declares one: divide them"
        )
    try:
        _check(part)
    except ConfigError as error:
        raise ConfigError(f"{module}: {error} (docs/parts.md)") from None
    return replace(part, name=module)


def _check(part: Part) -> None:
    """Raises `ConfigError` where `part` is not declared whole, or its code is not what its class needs."""
    for own in part.reads:
        if not isinstance(own, Hyperparameter):
            raise ConfigError(f"it reads {own!r}: hyperparameters are needed, each a Hyperparameter(name, type, ...)")
        faults.check_hyperparameter(own, REQUIRED)
    faults.check_code(part.code, part.module, part.signatures())
    faults.check_methods(part)


def _what_it_is(part: Part) -> str:
    return f"{part.module} declares PART = {type(part).__name__}(...)"


@cache
def declared_in(module: str) -> tuple[Part, ...]:
    """The part that `module` declares, or those of a family, which share its code, as PARTS; raises `ConfigError`."""
    imported = outside.imported(module)
    parts = _declarations(imported)
    for part in parts:
        if not isinstance(part, Part):
            raise ConfigError(
                f"{module}: PART is a {type(part).__name__}, and must be one of the classes in docs/parts.md, such as "
                f"sweep.config.part_classes.Quantizer ({imported.__file__})"
            )
    inside = f".{parts[0].key}" if hasattr(imported, "__path__") else ""
    return tuple(replace(part, module=module, code=part.code or module + inside) for part in parts)


def _declarations(module: ModuleType) -> tuple[Any, ...]:
    found = [getattr(module, name) for name in ("PARTS", "PART") if hasattr(module, name)]
    if len(found) != 1 or found == [()]:
        declared = "both PART and PARTS" if len(found) > 1 else "no PART"
        raise ConfigError(
            f"{module.__name__} declares {declared}: PART says what it is and "
            f"what it reads, PARTS is of families of ours; see docs/parts.md ({module.__file__})"
        )
    return found[0] if isinstance(found[0], tuple) else (found[0],)


def hyperparameters_of(parts: Iterable[Part]) -> dict[str, Hyperparameter]:
    """All that `parts` read, by name; raises `ConfigError` where two mean different things by one name."""
    found: dict[str, tuple[Hyperparameter, Part]] = {}
    for part in parts:
        for own in part.reads:
            other, first = found.setdefault(own.name, (own, part))
            if other != own:
                raise ConfigError(
                    f"{own.name} is declared in {first.module} and in {part.module}, and not alike: give one of both "
                    f"another name, or import one declaration"
                )
    return {name: hyperparameter for name, (hyperparameter, _) in found.items()}


def from_outside(parts: Iterable[Part]) -> dict[str, str]:
    """The hyperparameters that only parts from outside declare, and the module of one that does."""
    known = tuple(parts)
    ours = hyperparameters_of(part for part in known if not part.is_from_outside)
    return {own.name: part.module for part in known for own in part.reads if own.name not in ours}


def check_from_outside(parts: Iterable[Part], whose: str) -> None:
    """Raises `ConfigError` where a part from outside would change the ids of `whose`, such as runs, without it."""
    known = tuple(parts)
    declared = hyperparameters_of(known)
    for name, module in from_outside(known).items():
        if declared[name].in_every_id or declared[name].neutral is REQUIRED:
            raise ConfigError(
                f"{name} of {module} needs a neutral value and must not be in every id: {whose} without {module} keep "
                f"the ids that they have"
            )


def check_conflicts(values: Values, parts: Iterable[Part]) -> None:
    """Raises `ConfigError` where one of `parts` says that it cannot go with `values`."""
    for part in parts:
        message = part.conflict(values)
        if message:
            raise ConfigError(message)
