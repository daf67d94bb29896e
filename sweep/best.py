"""`python -m sweep.best results_dir=results objective=test_loss n=10 ...`: the best runs, and what they owe it to.

Works on the rows of a grid as on those of a search. With several objectives, the best runs are the Pareto front.
"""

import sys
from typing import Any

import pandas as pd
from rich.table import Table

from sweep.commands.arguments import Command, Key, Section
from sweep.commands.keys import RESULTS_DIR, SELECTION, selection_of
from sweep.config.checks import ConfigError
from sweep.config.run import RUN_FIELDS
from sweep.results.select import selected_runs
from sweep.search.options import DIRECTIONS, Objective, parse_objective
from sweep.terminal import render

MIN_ROWS = 10  # a forest fitted to fewer says nothing
SHOWN = ("train_loss", "test_loss", "gap", "test_acc")


def _objective(text: str) -> Objective:
    """A column alone is minimized, an accuracy maximized."""
    if text.startswith(DIRECTIONS):
        return parse_objective(text)
    return parse_objective(f"{'maximize' if text.endswith('_acc') else 'minimize'} {text}")


def _objectives(name: str, value: str) -> list[Objective]:
    return [_objective(text.strip()) for text in value.split(",")]


def _count(name: str, value: str) -> int:
    if not value.isdigit() or not int(value):
        raise ConfigError(f"{name}={value}: a whole number from 1 up is needed")
    return int(value)


OBJECTIVE = Key("objective", "columns, each alone or as `minimize COLUMN`, `maximize COLUMN`", _objectives, "test_loss")
N = Key("n", "how many runs are shown", _count, "10")
COMMAND = Command("sweep.best", __doc__, (Section("Options", (RESULTS_DIR, OBJECTIVE, N)), SELECTION))


def main() -> None:
    arguments = COMMAND.parse(sys.argv[1:])
    results_dir, objectives = arguments[RESULTS_DIR], arguments[OBJECTIVE]
    runs = selected_runs(results_dir, selection_of(arguments))
    finished = runs[runs["status"] == "finished"]
    if finished.empty:
        raise ConfigError(f"results_dir={results_dir}: none of these {len(runs)} runs has finished")
    axes = [name for name in RUN_FIELDS if finished[name].nunique() > 1]
    print(_runs_table(best(finished, objectives), axes, objectives, arguments[N]))
    print(_importance_table(finished, axes, objectives))


def best(finished: pd.DataFrame, objectives: list[Objective]) -> pd.DataFrame:
    """The runs from the best down; with several objectives those that no other run beats in all of them."""
    signs = [1 if objective.direction == "minimize" else -1 for objective in objectives]
    columns = [objective.column for objective in objectives]
    ordered = finished.sort_values(columns, ascending=[sign == 1 for sign in signs], kind="stable")
    if len(objectives) == 1:
        return ordered
    costs = ordered[columns].to_numpy() * signs
    beaten = [((costs <= cost).all(axis=1) & (costs < cost).any(axis=1)).any() for cost in costs]
    return ordered[[not b for b in beaten]]


def _runs_table(runs: pd.DataFrame, axes: list[str], objectives: list[Objective], n: int) -> str:
    metrics = list(dict.fromkeys([*(objective.column for objective in objectives), *SHOWN]))
    table = Table("run", *axes, *metrics)
    for column in table.columns[1:]:
        column.justify = "right"
    for _, run in runs.head(n).iterrows():
        values = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in run[axes]]
        table.add_row(run["run_id"][:12], *values, *(f"{value:.4g}" for value in run[metrics]))
    wanted = ", ".join(f"{objective.direction} {objective.column}" for objective in objectives)
    kind = "best" if len(objectives) == 1 else "Pareto-optimal"
    return (
        f"{render(table)}\n{min(n, len(runs))} of {len(runs)} {'finished' if kind == 'best' else kind} runs: {wanted}"
    )


def _importance_table(finished: pd.DataFrame, axes: list[str], objectives: list[Objective]) -> str:
    """Or why there is none."""
    if not axes:
        return "importance: every run has the same hyperparameters"
    if len(finished) < MIN_ROWS:
        return f"importance: needs {MIN_ROWS} finished runs, there are {len(finished)}"
    constant = [o.column for o in objectives if finished[o.column].nunique() == 1]
    if constant:
        return f"importance: {constant[0]} is the same in every run"
    shares = {objective.column: importance(finished, axes, objective.column) for objective in objectives}
    table = Table("axis", *(f"share of the variance of {column}" for column in shares))
    for axis in sorted(axes, key=lambda axis: -next(iter(shares.values()))[axis]):
        table.add_row(axis, *(f"{share[axis]:.0%}" for share in shares.values()))
    return f"{render(table)}\nimportance: fANOVA (Hutter et al. 2014) over {len(finished)} finished runs"


def importance(finished: pd.DataFrame, axes: list[str], column: str) -> dict[str, float]:
    """Returns by axis its share of the variance of `column` that single axes explain; the shares sum to 1."""
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    distributions = {axis: _distribution(finished[axis]) for axis in axes}
    for _, run in finished.iterrows():
        parameters = {axis: distributions[axis][1](run[axis]) for axis in axes}
        study.add_trial(
            optuna.trial.create_trial(
                params=parameters,
                distributions={axis: distributions[axis][0] for axis in axes},
                value=float(run[column]),
            )
        )
    return get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0), params=axes)


def _distribution(values: pd.Series) -> Any:
    """Of Optuna, and what makes its kind of value; logarithmic where the values span a factor of 10."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        low, high = float(values.min()), float(values.max())
        return FloatDistribution(low, high, log=low > 0 and high / low >= 10), float
    return CategoricalDistribution(sorted(set(map(str, values)))), str


if __name__ == "__main__":
    main()
