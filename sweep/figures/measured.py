"""Figures of runs that were measured."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sweep.config.checks import ConfigError, allowed
from sweep.config.measuring import KEY_OF
from sweep.config.work import Kind
from sweep.figures.figure import Figure
from sweep.tables.flatness import MEASURE_SETTING
from sweep.tables.grouping import SETTING


@dataclass(frozen=True, kw_only=True)
class MeasuredFigure(Figure):
    """Drawn of one line per measured run, with its row and its measurement."""

    kind: Kind = "measure"

    def found(self, results_dir: Path, runs: pd.DataFrame, values: Mapping[str, str]) -> pd.DataFrame:
        return measured_runs(runs, super().found(results_dir, runs, values))


def measured_runs(runs: pd.DataFrame, measures: pd.DataFrame) -> pd.DataFrame:
    """One line per measurement, with its run's row; raises `ConfigError` where settings are mixed."""
    both = runs.merge(measures, on="run_id", suffixes=("", "_of_measure"))
    for name in (*SETTING, *MEASURE_SETTING, "measure_seed"):
        if both[name].nunique() > 1:
            key = KEY_OF.get(name, name)
            raise ConfigError(f"the measured runs differ in {key}, give one: {allowed(sorted(both[name].unique()))}")
    return both
