"""The search space: the grid's axes with their values, some of which an interval replaces."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Protocol

from sweep.config.checks import ConfigError
from sweep.config.grid import Axis, expand, fixed_axis, in_order_of_dependence
from sweep.config.run import RunConfig, check_value, identity, make_run

Values = Mapping[str, Any]
PART = "part"  # the parameter that chooses one of several spaces
FLOATS = ("lr", "weight_decay", "momentum", "lr_gamma", "pact_alpha", "tempering_c", "tempering_k", "rho", "beta",
          "temperature", "hard_label_share", "bin_regularization")  # fmt: skip


class Suggests(Protocol):
    """A trial of Optuna, as far as a space needs it."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int) -> int: ...


@dataclass(frozen=True)
class Interval:
    """All numbers of a hyperparameter from `low` to `high`; with `step`, whole ones that far apart."""

    name: str
    low: float
    high: float
    log: bool = False
    step: int | None = None

    def suggest(self, trial: Suggests) -> float:
        if self.step is None:
            return trial.suggest_float(self.name, self.low, self.high, log=self.log)
        return trial.suggest_int(self.name, int(self.low), int(self.high), step=self.step)


def make_interval(name: str, low: float, high: float, log: bool) -> Interval:
    """Raises `ConfigError` where `name` takes no such numbers."""
    asked = f"{name}=interval({low:g},{high:g})"
    if name not in FLOATS:
        raise ConfigError(
            f"{asked}: {name} does not take every number of an interval; "
            f"give {name}=choice(...) or, for whole numbers, {name}=range(low,high,step)"
        )
    if not low < high:
        raise ConfigError(f"{asked}: the first number must be below the second")
    if log and low <= 0:
        raise ConfigError(f"{name}=tag(log, interval({low:g},{high:g})): a logarithmic interval starts above 0")
    return Interval(name, check_value(name, low), check_value(name, high), log)


@dataclass(frozen=True)
class Space:
    """Config groups to choose from, with what they depend on before them, the configuration at each choice of them,
    and what varies over it.

    An axis with one value is no parameter of a trial. An axis that depends on another is one parameter per value
    of the other, such as `lr[optimizer=sgd]`.
    """

    groups: tuple[Axis, ...]
    axes: tuple[Axis, ...]
    intervals: tuple[Interval, ...]
    bases: Mapping[tuple[Any, ...], Values]  # by the values of `groups`
    exact: Callable[[Values], dict[str, Any]] = dict  # finds the exact names of weights

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(in_order_of_dependence(self.axes)))

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """A point of the space, as `trial` chooses it: a value for every field of a run."""
        choice: tuple[Any, ...] = ()
        for axis in self.groups:
            choice = (*choice, _choose(axis, self._some_base(choice), trial))
        point = dict(self.bases[choice])
        for interval in self.intervals:
            point[interval.name] = interval.suggest(trial)
        for axis in self.axes:
            point[axis.name] = _choose(axis, point, trial)
        return self.exact(point)

    def _some_base(self, choice: tuple[Any, ...]) -> Values:
        """Of those whose first values are `choice`: they agree in what the next value depends on."""
        return next(base for values, base in self.bases.items() if values[: len(choice)] == choice)

    def corners(self) -> Iterator[dict[str, Any]]:
        """The points of the product, with the two ends of every interval."""
        ends = [fixed_axis(interval.name, [interval.low, interval.high]) for interval in self.intervals]
        for base in self.bases.values():
            yield from map(self.exact, expand([*self.axes, *ends], base))

    def parameters(self, run: RunConfig) -> dict[str, Any] | None:
        """Returns what a trial would have chosen to get `run`; None where it is no point of the space."""
        for choice in self.bases:
            parameters = self._parameters_at(choice, run)
            if parameters is not None:
                return parameters
        return None

    def _parameters_at(self, choice: tuple[Any, ...], run: RunConfig) -> dict[str, Any] | None:
        finder = _Finder(run, {axis.name: name for axis, name in zip(self.groups, choice, strict=True)})
        try:
            return finder.parameters if make_run(self.suggest(finder)) == run else None
        except (ConfigError, _Outside):  # the values of another group need not go with these
            return None

    def description(self) -> dict[str, Any]:
        """All that makes the space what it is, as JSON can hold it."""
        return {
            "axes": [[axis.name, axis.by, axis.values] for axis in (*self.groups, *self.axes)],
            "intervals": [vars(interval) for interval in self.intervals],
            "bases": [[choice, identity(base)] for choice, base in self.bases.items()],
        }

    def lines(self) -> list[str]:
        """One per hyperparameter that varies, for people."""
        intervals = [
            f"{i.name}: {i.low:g} to {i.high:g}{', logarithmic' * i.log}{f' in steps of {i.step}' if i.step else ''}"
            for i in self.intervals
        ]
        values = {
            _name(axis, key): axis.at({str(axis.by): key})
            for axis in (*self.groups, *self.axes)
            for key in self._keys(axis.by)
        }
        return [*(f"{name}: {', '.join(map(str, v))}" for name, v in values.items() if len(v) > 1), *intervals]

    def _keys(self, by: str | None) -> list[str]:
        """The values that the axis `by` has somewhere in the space."""
        swept = [value for axis in self.axes if axis.name == by for values in axis.values.values() for value in values]
        return list(dict.fromkeys(map(str, swept or (base.get(by or "") for base in self.bases.values()))))


@dataclass(frozen=True)
class Alternatives:
    """Several spaces, the parts of a grid: a trial chooses one of them, and then a point of it.

    A parameter of the second part is called `lr[part=2]`: parts may have different values of it.
    """

    parts: tuple[Space, ...]

    def suggest(self, trial: Suggests) -> dict[str, Any]:
        """A point of one part, as `trial` chooses both: a value for every field of a run."""
        number: int = trial.suggest_categorical(PART, tuple(range(1, len(self.parts) + 1)))
        return self.parts[number - 1].suggest(_OfPart(trial, number))

    def corners(self) -> Iterator[dict[str, Any]]:
        """The corners of every part."""
        return chain.from_iterable(part.corners() for part in self.parts)

    def parameters(self, run: RunConfig) -> dict[str, Any] | None:
        """Returns what a trial would have chosen to get `run`, of the first part that has it; None where none has."""
        for number, part in enumerate(self.parts, 1):
            found = part.parameters(run)
            if found is not None:
                return {PART: number} | {_in_part(name, number): value for name, value in found.items()}
        return None

    def description(self) -> dict[str, Any]:
        """All that makes the spaces what they are, as JSON can hold it."""
        return {"parts": [part.description() for part in self.parts]}

    def lines(self) -> list[str]:
        """One per hyperparameter that varies in a part, for people."""
        return [
            f"part {number}: {line}"
            for number, part in enumerate(self.parts, 1)
            for line in part.lines() or ["1 point"]
        ]


@dataclass(frozen=True)
class _OfPart:
    """A trial whose parameters are those of one part."""

    trial: Suggests
    number: int

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        return self.trial.suggest_categorical(_in_part(name, self.number), choices)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        return self.trial.suggest_float(_in_part(name, self.number), low, high, log=log)

    def suggest_int(self, name: str, low: int, high: int, *, step: int) -> int:
        return self.trial.suggest_int(_in_part(name, self.number), low, high, step=step)


def _in_part(name: str, number: int) -> str:
    return f"{name}[{PART}={number}]"


class _Outside(Exception):
    """The run has a value that the space does not."""


class _Finder:
    """Chooses as a trial must have chosen that became `run`."""

    def __init__(self, run: RunConfig, groups: Mapping[str, Any]) -> None:
        self._run, self._groups = run, groups
        self.parameters: dict[str, Any] = {}

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        axis = name.partition("[")[0]
        value = _label(self._groups[axis] if axis in self._groups else getattr(self._run, axis))
        return self._keep(name, value, value in choices)

    def suggest_float(self, name: str, low: float, high: float, *, log: bool) -> float:
        value = getattr(self._run, name)
        return float(self._keep(name, value, low <= value <= high))

    def suggest_int(self, name: str, low: int, high: int, *, step: int) -> int:
        value = getattr(self._run, name)
        return int(self._keep(name, value, low <= value <= high and (value - low) % step == 0))

    def _keep(self, name: str, value: Any, inside: bool) -> Any:
        if not inside:
            raise _Outside
        self.parameters[name] = value
        return value


def _choose(axis: Axis, point: Values, trial: Suggests) -> Any:
    values = axis.at(point)
    if len(values) == 1:
        return values[0]
    labels = {_label(value): value for value in values}
    return labels[trial.suggest_categorical(_name(axis, str(point.get(axis.by or ""))), list(labels))]


def _name(axis: Axis, key: str) -> str:
    return f"{axis.name}[{axis.by}={key}]" if axis.by else axis.name


def _label(value: Any) -> Any:
    """What Optuna can hold: a list, such as milestones, as text."""
    return json.dumps(value) if isinstance(value, list | tuple) else value
