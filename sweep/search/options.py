"""What a search is told besides its space, checked before anything is trained."""

import importlib.util
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sweep.commands.arguments import Key, text
from sweep.config.checks import ConfigError, allowed, check_boolean, check_integer, did_you_mean, no_such_key
from sweep.results.events import Evaluated

# Those of conf/hydra/sweeper/optuna.yaml.
SEARCH_KEYS = (
    Key("n_trials", "of the whole search: those of an earlier, stopped command count", text),
    Key("objectives", "minimize or maximize a result column of the rows: [minimize test_loss,minimize gap]", text),
    Key("sampler", "tpe, random, gp, nsgaii or cmaes; sampler.KEY is one of its options", text, takes_more=True),
    Key("pruner", "none, median, halving or hyperband; pruner.KEY is one of its options", text, takes_more=True),
    Key("seed_from_rows", "whether finished rows of results_dir in the space are learned from", text),
)
DIRECTIONS = ("minimize", "maximize")
EVALUATED = ("train_loss", "test_loss", "gap", "train_acc", "test_acc")  # also known after every evaluated epoch
METRICS = (*EVALUATED, *(f"last_{name}" for name in EVALUATED), "parameters", "seconds")
SAMPLERS = {
    "tpe": ("n_startup_trials", "n_ei_candidates", "multivariate"),
    "random": (),
    "gp": ("n_startup_trials",),
    "nsgaii": ("population_size", "mutation_prob", "crossover_prob", "swapping_prob"),
    "cmaes": ("n_startup_trials", "sigma0", "popsize"),
}
PRUNERS = {
    "none": (),
    "median": ("n_startup_trials", "n_warmup_steps", "interval_steps", "n_min_trials"),
    "halving": ("min_resource", "reduction_factor", "min_early_stopping_rate", "bootstrap_count"),
    "hyperband": ("min_resource", "max_resource", "reduction_factor", "bootstrap_count"),
}


@dataclass(frozen=True)
class Objective:
    direction: str
    column: str

    @property
    def worst(self) -> float:
        """The value that a diverged run is told as: infinite."""
        return math.inf if self.direction == "minimize" else -math.inf

    def at_epoch(self, evaluated: Evaluated) -> float | None:
        """The value after an evaluated epoch; None where it is not finite, or was not recorded."""
        value: float | None = getattr(evaluated, self.column.removeprefix("last_"))
        return value if value is not None and math.isfinite(value) else None


def parse_objective(text: str) -> Objective:
    """Reads `minimize test_loss` and the like; raises `ConfigError`."""
    direction, _, column = text.strip().partition(" ")
    if direction not in DIRECTIONS or column not in METRICS:
        hint = did_you_mean(column, METRICS) if column not in METRICS else ""
        raise ConfigError(
            f"objective {text!r}: `minimize COLUMN` or `maximize COLUMN` is needed{hint}. Columns: {allowed(METRICS)}"
        )
    return Objective(direction, column)


@dataclass(frozen=True)
class Method:
    """A sampler or pruner by name, with the options that were given."""

    name: str
    options: Mapping[str, Any]


@dataclass(frozen=True)
class SearchOptions:
    n_trials: int
    objectives: tuple[Objective, ...]
    sampler: Method
    sampler_seed: int
    pruner: Method
    seed_from_rows: bool

    @property
    def prunes(self) -> bool:
        return self.pruner.name != "none"

    def description(self) -> dict[str, Any]:
        """Returns what makes a search another one, as JSON can hold it: with more trials or rows it is the same."""
        return {
            "objectives": [vars(objective) for objective in self.objectives],
            "sampler": [vars(self.sampler), self.sampler_seed],
            "pruner": vars(self.pruner),
        }


def make_options(values: Mapping[str, Any]) -> SearchOptions:
    """The options of `values`, which have every one of `SEARCH_KEYS`; raises `ConfigError`."""
    sampler = dict(values["sampler"])
    seed = check_integer("sampler.seed", sampler.pop("seed", 0), 0, 2**31 - 1)
    options = SearchOptions(
        n_trials=check_integer("n_trials", values["n_trials"], 1),
        objectives=_objectives(values["objectives"]),
        sampler=_method("sampler", sampler, SAMPLERS),
        sampler_seed=seed,
        pruner=_method("pruner", values["pruner"], PRUNERS),
        seed_from_rows=check_boolean("seed_from_rows", values["seed_from_rows"]),
    )
    _check_together(options)
    return options


def _objectives(asked: object) -> tuple[Objective, ...]:
    listed = [asked] if isinstance(asked, str) else asked
    if not isinstance(listed, Sequence) or not listed:
        raise ConfigError(f"objectives={asked}: a list such as [minimize test_loss,minimize gap] is needed")
    objectives = tuple(parse_objective(str(text)) for text in listed)
    columns = [objective.column for objective in objectives]
    if len(set(columns)) < len(columns):
        raise ConfigError(f"objectives={allowed(listed)}: each column can be one objective")
    return objectives


def _method(role: str, asked: Mapping[str, Any], known: Mapping[str, Sequence[str]]) -> Method:
    options = dict(asked)
    name = str(options.pop("name", None))
    if name not in known:
        raise ConfigError(f"{role}={name}: allowed are {allowed(known)}{did_you_mean(name, known)}")
    for key, value in options.items():
        if key not in known[name]:
            keys = [*known[name], *(["seed"] if role == "sampler" else [])]
            listed = {f"Of {role}={name}": [f"{role}.{key}" for key in keys]}
            raise no_such_key(f"{role}.{key}={value}", f"{role}.{key}", listed)
        if not isinstance(value, bool | int | float):
            raise ConfigError(f"{role}.{key}={value}: a number, true or false is needed")
    return Method(name, options)


def _check_together(options: SearchOptions) -> None:
    if options.sampler.name == "cmaes" and importlib.util.find_spec("cmaes") is None:
        raise ConfigError("sampler=cmaes needs the package cmaes: pip install cmaes")
    if options.sampler.name == "cmaes" and len(options.objectives) > 1:
        raise ConfigError("sampler=cmaes takes one objective; tpe, random, gp and nsgaii take several")
    if not options.prunes:
        return
    if len(options.objectives) > 1:
        raise ConfigError(f"pruner={options.pruner.name}: pruning needs one objective; say pruner=none")
    column = options.objectives[0].column
    if column.removeprefix("last_") not in EVALUATED:
        raise ConfigError(
            f"pruner={options.pruner.name}: {column} is not known before a run ends; prune by {allowed(EVALUATED)}"
        )
