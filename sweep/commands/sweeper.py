"""The Hydra sweeper: one composition per choice of config groups, values merged over it, runs as a plan.

Composing each run with Hydra takes 50 ms; this takes microseconds per run.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

from hydra.conf import HydraConf
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException, InstantiationException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from launchers.plan_launcher import PlanLauncher
from sweep.commands.defaults import check_part
from sweep.commands.execute import Point, describe_all, train
from sweep.commands.weight_names import WeightNames, twin_command
from sweep.config.checks import ConfigError
from sweep.config.disk import full_disk
from sweep.config.facts import DataFacts
from sweep.config.grid import AXES, GROUPS, Axis, composed_and_merged, expand, fixed_axis, parse_parts
from sweep.config.run import SOURCE_KEYS, DataSource, make_run
from sweep.config.settings import SETTING_KEYS, Settings, make_settings

Values = Mapping[str, Any]


@contextmanager
def errors_for_hydra() -> Iterator[None]:
    """Hydra prints these alone, and any other error with a trace of its own."""
    try:
        yield
    except ConfigError as error:
        raise CompactHydraException(f"error: {error}") from None
    except Exception as error:
        if text := full_disk(error):
            raise CompactHydraException(f"error: {text}") from None
        raise


def values_of(config: DictConfig) -> dict[str, Any]:
    """The configuration as plain values; raises `ConfigError` where one is missing."""
    own = OmegaConf.create({key: config._get_node(key) for key in config if key != "hydra"})
    unresolved = cast("dict[str, Any]", OmegaConf.to_container(own, resolve=False))
    missing = [key for key, value in unresolved.items() if value == "???"]
    if missing:
        raise ConfigError(f"{missing[0]} needs a value: give {missing[0]}=... on the command line")
    return cast("dict[str, Any]", OmegaConf.to_container(own, resolve=True))


def source_of(values: Values) -> DataSource:
    optional = {key: values.get(key) for key in ("label_column", "image_size")}
    return DataSource(values["data_source"], values["dataset"], str(values["data_dir"]), **optional)


def settings_of(values: Values) -> Settings:
    return make_settings(values, study=str(values["grid"]["name"]))


def recorded(hydra_config: HydraConf) -> list[str]:
    """The arguments of the command line, as Hydra took them."""
    return [*hydra_config.overrides.task, *hydra_config.overrides.hydra]


def make_launcher(config: DictConfig, task_function: TaskFunction) -> PlanLauncher:
    """The launcher of the group hydra/launcher; raises `ConfigError` where it is not one of ours."""
    try:
        launcher = Plugins.instance().instantiate_launcher(cast("HydraContext", None), task_function, config)
    except InstantiationException as error:  # which says twice what is wrong, and shows the whole of it
        raise (error.__cause__ if isinstance(error.__cause__, ConfigError) else error) from None
    if not isinstance(launcher, PlanLauncher):
        raise ConfigError(f"hydra/launcher: {type(launcher).__name__} takes no plans; allowed are local, slurm")
    return launcher


class PlanSweeper(Sweeper):
    """Composes a configuration per choice of config groups; what is made of them is up to the subclass."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._loader = hydra_context.config_loader
        self._master = config
        with errors_for_hydra():
            self._launcher = make_launcher(config, task_function)

    def _weights(self, settings: Settings, facts: Mapping[str, DataFacts]) -> WeightNames:
        return WeightNames(settings, facts, twin_command(recorded(self._master.hydra), "-m"))

    def _parse(self, arguments: list[str]) -> tuple[list[Override], list[Override], Values]:
        """All overrides, those with one value, and the configuration that these alone give."""
        overrides = OverridesParser.create(self._loader).parse_overrides(arguments)
        fixed = [o for o in overrides if not o.is_sweep_override()]
        return overrides, fixed, self._compose(fixed, {})

    def _compositions(self, fixed: Sequence[Override], axes: Sequence[Axis]) -> dict[tuple[Any, ...], Values]:
        """The configuration at each point of `axes`: config groups and what they depend on, those before these."""
        found: dict[tuple[Any, ...], Values] = {}
        for point in self._choices(fixed, axes, {}):
            found[tuple(point.values())] = values = self._compose(fixed, point)
            for axis in axes:
                check_unchanged(axis, point[axis.name], values)
        return found

    def _choices(self, fixed: Sequence[Override], axes: Sequence[Axis], point: Values) -> Iterator[Values]:
        """A value may depend on whatever the choices before it give."""
        if not axes:
            yield point
            return
        first, *others = axes
        for value in first.at(self._compose(fixed, point) if first.by else {}):
            yield from self._choices(fixed, others, {**point, first.name: value})

    def _compose(self, fixed: Sequence[Override], point: Values) -> dict[str, Any]:
        """The configuration with the config groups of `point`, and its other values in their places."""
        groups = {name: value for name, value in point.items() if name in GROUPS}
        for group, name in groups.items():
            check_part(group, str(name))
        lines = [o.input_line for o in fixed if o.get_key_element() not in groups]
        lines += [f"{group}={name}" for group, name in groups.items()]
        config = self._loader.load_sweep_config(self._master, cast("list[str]", lines))
        choices = config.hydra.runtime.choices
        chosen = {group: choices[group] for group in GROUPS if group in choices}  # a group need not set its own name
        return {**chosen, **values_of(config), **{name: point[name] for name in point if name not in GROUPS}}


def check_unchanged(axis: Axis, value: Any, values: Values) -> None:
    """Raises `ConfigError` where a choice after that of `axis` changed what this depends on."""
    if value not in axis.at(values):
        raise ConfigError(
            f"axis {axis.name}: its values go by {axis.by}, which another config group of the grid sets: "
            f"make {axis.by} an axis, too"
        )


class GridSweeper(PlanSweeper):
    """Expands conf/grid/ and the command line to runs, and hands them to the launcher as one plan."""

    @errors_for_hydra()
    def sweep(self, arguments: list[str]) -> None:
        overrides, fixed, first = self._parse(arguments)
        replaced, settings = command_line_axes(overrides), settings_of(first)
        parts = [self._part(fixed, axes | replaced) for axes in parse_parts(first["grid"])]
        facts = describe_all(source_of(base) for compositions, _ in parts for base in compositions)
        weights = self._weights(settings, facts)
        points = itertools.chain.from_iterable(_points(*part, facts, weights) for part in parts)
        train(points, facts, settings, self._launcher)

    def _part(self, fixed: Sequence[Override], axes: Mapping[str, Axis]) -> tuple[list[Values], list[Axis]]:
        """The configuration at each choice of config groups, and the axes whose values are merged over it."""
        composed, merged = composed_and_merged(axes)
        return list(self._compositions(fixed, composed).values()), merged


def command_line_axes(overrides: Sequence[Override]) -> dict[str, Axis]:
    """An axis for every hyperparameter that the command line gives one or several values for."""
    axes = {}
    for override in overrides:
        key = override.get_key_element()
        if override.is_sweep_override():
            axes[key] = fixed_axis(key, swept_values(override))
        elif key in AXES:
            axes[key] = fixed_axis(key, [override.value()])
    return axes


def swept_values(override: Override) -> list[Any]:
    """The values that an override gives an axis; raises `ConfigError` where it cannot be one."""
    key = override.get_key_element()
    if key in SETTING_KEYS or key in SOURCE_KEYS:
        raise ConfigError(f"{override.input_line}: {key} is a setting of the whole sweep; give it one value")
    if not override.is_discrete_sweep():
        raise ConfigError(f"{override.input_line}: a grid needs values: choice(...), range(...) or a list")
    return list(override.sweep_iterator())


def _points(
    compositions: Sequence[Values], axes: Sequence[Axis], facts: Mapping[str, DataFacts], weights: WeightNames
) -> Iterator[Point]:
    for base in compositions:
        source = source_of(base)
        digest = {"data_sha256": facts[source.name].sha256}
        for point in expand(axes, {**base, **digest}):
            yield make_run(weights.exact(point)), source


@errors_for_hydra()
def single_run(config: DictConfig, hydra_config: HydraConf, task_function: TaskFunction) -> None:
    """Trains the one run of a configuration that Hydra composed, by the same way as a sweep."""
    launcher = make_launcher(OmegaConf.create({"hydra": hydra_config}), task_function)
    values = values_of(config)
    source = source_of(values)
    facts = describe_all([source])
    settings = settings_of(values | {"grid": {"name": "single"}})
    weights = WeightNames(settings, facts, twin_command(recorded(hydra_config)))
    run = make_run(weights.exact(values | {"data_sha256": facts[source.name].sha256}))
    train([(run, source)], facts, settings, launcher)
