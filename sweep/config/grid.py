"""The grid: values per hyperparameter, some of which depend on another's, and the points of their product."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.config.checks import ConfigError, allowed, no_such_key
from sweep.config.run import RUN_FIELDS, check_value
from sweep.config.transfer import TWIN

GROUPS = ("dataset", "model", "quantizer", "optimizer", "rule", "schedule")  # config groups that can be swept
AXES = tuple(sorted({*GROUPS, *RUN_FIELDS, TWIN} - {"data_sha256"}))
OTHERWISE = "otherwise"


@dataclass(frozen=True)
class Axis:
    """The values of one hyperparameter; with `by`, those that go with each value of another key."""

    name: str
    by: str | None
    values: Mapping[str, tuple[Any, ...]]

    def at(self, point: Mapping[str, Any]) -> tuple[Any, ...]:
        """The values to take where the other hyperparameters are as in `point`."""
        if self.by is None:
            return self.values[OTHERWISE]
        if self.by not in point:
            raise ConfigError(f"axis {self.name}: its values go by {self.by}, which has no value here")
        key = str(point[self.by])
        if key not in self.values and OTHERWISE not in self.values:
            raise ConfigError(
                f"axis {self.name}: no values for {self.by}={key}; the grid has them for {allowed(self.values)}. "
                f"Give {self.name}=... on the command line"
            )
        return self.values.get(key, self.values.get(OTHERWISE, ()))


def fixed_axis(name: str, values: Sequence[Any]) -> Axis:
    """An axis with the same values everywhere; raises `ConfigError` on a value that cannot be."""
    if name not in AXES:
        raise no_such_key(f"axis {name}", name, {"Axes": AXES})
    return Axis(name, None, {OTHERWISE: _check(name, values)})


def _check(name: str, values: object) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence) or not values:
        raise ConfigError(f"axis {name}={values}: a list of one or more values is needed")
    return tuple(value if name in GROUPS else check_value(name, value) for value in values)


def parse_axes(axes: Mapping[str, Any]) -> dict[str, Axis]:
    """The axes of a grid in conf/grid/: `name: [values]`, or `name: {by: other, value of other: [values]}`."""
    return {name: _parse_axis(name, spec) for name, spec in axes.items()}


def parse_parts(grid: Mapping[str, Any]) -> list[dict[str, Axis]]:
    """The axes of each part of a grid: its own besides the common ones, or in their place. One part by default."""
    common = parse_axes(grid.get("axes") or {})
    return [common | parse_axes(part) for part in grid.get("parts") or [{}]]


def _parse_axis(name: str, spec: Any) -> Axis:
    if not isinstance(spec, Mapping):
        return fixed_axis(name, spec)
    by = spec.get("by")
    if by not in AXES or by == name:
        raise ConfigError(f"axis {name}: `by: {by}` must name one of {allowed(a for a in AXES if a != name)}")
    return Axis(name, by, {str(key): _check(name, values) for key, values in spec.items() if key != "by"})


def composed_and_merged(axes: Mapping[str, Axis]) -> tuple[list[Axis], list[Axis]]:
    """The config groups with the axes that they depend on, in order of dependence, and the other axes."""
    first = set(GROUPS) & axes.keys()
    while needed := {str(axes[name].by) for name in first} & axes.keys() - first:
        first |= needed
    composed = in_order_of_dependence([axis for name, axis in axes.items() if name in first])
    return composed, [axis for name, axis in axes.items() if name not in first]


def expand(axes: Sequence[Axis], base: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The points of the product, each with a value for every axis and the rest from `base`.

    Axes that depend on another come after it, whatever order they were given in.
    """
    yield from _expand(in_order_of_dependence(axes), dict(base))


def in_order_of_dependence(axes: Sequence[Axis]) -> list[Axis]:
    """Returns `axes`, those that others depend on before these; raises `ConfigError` where they form a circle."""
    ordered: list[Axis] = []
    waiting = list(axes)
    while waiting:
        names = {axis.name for axis in waiting}
        ready = [axis for axis in waiting if axis.by not in names]
        if not ready:
            raise ConfigError(f"axes {allowed(sorted(names))} depend on each other in a circle")
        ordered += ready
        waiting = [axis for axis in waiting if axis.by in names]
    return ordered


def _expand(axes: Sequence[Axis], point: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not axes:
        yield point
        return
    for value in axes[0].at(point):
        yield from _expand(axes[1:], point | {axes[0].name: value})
