"""The Hydra sweeper of adaptive searches: conf/grid/ and the command line make a space, not a list of runs."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep, Sweep
from omegaconf import OmegaConf

from sweep.commands.execute import describe_all
from sweep.commands.sweeper import PlanSweeper, command_line_axes, errors_for_hydra, settings_of, source_of
from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.grid import AXES, Axis, composed_and_merged, parse_parts
from sweep.config.run import check_value
from sweep.search.options import make_options
from sweep.search.space import Alternatives, Interval, Space, Values, make_interval

LOG = "log"


class OptunaSweeper(PlanSweeper):
    """Searches the space of conf/grid/, which the command line narrows, replaces and extends."""

    def __init__(self, **options: Any) -> None:
        """`options`: the keys of conf/hydra/sweeper/optuna.yaml."""
        self._asked = cast("dict[str, Any]", OmegaConf.to_container(OmegaConf.create(options), resolve=True))

    @errors_for_hydra()
    def sweep(self, arguments: list[str]) -> None:
        from sweep.search.loop import Problem, search  # imports optuna, which a grid has no use for

        options = make_options(self._asked)
        overrides, fixed, first = self._parse(arguments)
        intervals = command_line_intervals(overrides)
        values = command_line_axes([o for o in overrides if o.get_key_element() not in intervals])
        parts = [
            self._part(
                fixed, {name: axis for name, axis in (axes | values).items() if name not in intervals}, intervals
            )
            for axes in parse_parts(first["grid"])
        ]
        sources = {
            source.name: source for compositions, _, _ in parts for source in map(source_of, compositions.values())
        }
        facts, settings = describe_all(sources.values()), settings_of(first)
        exact = self._weights(settings, facts).exact
        spaces = tuple(
            Space(tuple(composed), tuple(merged), tuple(intervals.values()), _with_digests(compositions, facts), exact)
            for compositions, composed, merged in parts
        )
        space = spaces[0] if len(spaces) == 1 else Alternatives(spaces)
        search(Problem(space, options, settings, sources, facts), self._launcher)

    def _part(
        self, fixed: Sequence[Override], axes: Mapping[str, Axis], intervals: Mapping[str, Interval]
    ) -> tuple[dict[tuple[Any, ...], Values], list[Axis], list[Axis]]:
        """The configuration at each choice of config groups, the axes of these choices, and the other axes."""
        composed, merged = composed_and_merged(axes)
        check_dependence(composed, intervals)
        return self._compositions(fixed, composed), composed, merged


def _with_digests(
    compositions: Mapping[tuple[Any, ...], Values], facts: Mapping[str, DataFacts]
) -> dict[tuple[Any, ...], Values]:
    """`compositions` with the digest of their images."""
    return {
        choice: {**base, "data_sha256": facts[source_of(base).name].sha256} for choice, base in compositions.items()
    }


def check_dependence(composed: Sequence[Axis], intervals: Mapping[str, Interval]) -> None:
    """Raises `ConfigError` where the choice of a config group would depend on a number of an interval."""
    for axis in composed:
        if axis.by in intervals:
            raise ConfigError(
                f"axis {axis.name}: its values go by {axis.by}, which is an interval here; "
                f"give {axis.by}=choice(...), or {axis.name}=..."
            )


def command_line_intervals(overrides: Sequence[Override]) -> dict[str, Interval]:
    """An interval for every `interval(...)`, and for every `range(...)` of whole numbers; raises `ConfigError`."""
    found = {}
    for override in overrides:
        key, value = override.get_key_element(), override.value()
        if isinstance(value, Sweep):
            _check_tags(override, value)
        if isinstance(value, IntervalSweep):
            found[key] = _interval(override, value)
        elif isinstance(value, RangeSweep) and key in AXES:
            steps = _steps(key, override)
            found |= {key: steps} if steps else {}
    return found


def _check_tags(override: Override, value: Sweep) -> None:
    if value.tags - ({LOG} if isinstance(value, IntervalSweep) else set()):
        raise ConfigError(f"{override.input_line}: the only tag is log, of an interval: tag(log, interval(low,high))")


def _interval(override: Override, value: IntervalSweep) -> Interval:
    key = override.get_key_element()
    if key not in AXES:
        raise ConfigError(f"{override.input_line}: {key} is a setting of the whole search; give it one value")
    low, high = cast("float", value.start), cast("float", value.end)  # the grammar requires both
    return make_interval(key, low, high, LOG in value.tags)


def _steps(name: str, override: Override) -> Interval | None:
    """Whole numbers in order; None where the range has too few, or others: these are values to choose from."""
    values = sorted(check_value(name, value) for value in override.sweep_iterator())
    if len(values) < 3 or not all(isinstance(value, int) for value in values):
        return None
    return Interval(name, values[0], values[-1], step=values[1] - values[0])
