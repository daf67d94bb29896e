"""What a results directory holds for its report."""

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sweep.config.checks import ConfigError
from sweep.report.axes import Axis, find_axes, with_labels
from sweep.results.rows import curves_store
from sweep.results.select import Selection, finished_distortions, finished_measures, planned_and_stored

CURVE_METRICS = ("train_loss", "test_loss", "train_acc", "test_acc")


@dataclass(frozen=True)
class Contents:
    """Rows of a report. `runs` are as `axes.with_labels` makes them; the others are of these runs, or empty."""

    results_dir: Path
    runs: pd.DataFrame
    axes: tuple[Axis, ...]
    curves: pd.DataFrame
    measures: pd.DataFrame
    distortions: pd.DataFrame


def read_contents(results_dir: Path, selection: Selection) -> Contents:
    """Raises `ConfigError` where there is no run to report."""
    runs = planned_and_stored(results_dir, selection.sweep)
    if runs.empty:
        raise ConfigError(
            f"results_dir={results_dir}: no run is planned or stored there; `python -m sweep.run` does it"
        )
    runs = with_labels(selection.among(runs))
    runs = runs.sort_values(["pair", "bits", "act_bits", "quantization"], ascending=[True, False, False, True])
    measures, distortions = finished_measures(results_dir), finished_distortions(results_dir)
    of_runs = (
        _curves(results_dir, runs),
        *(rows[rows["run_id"].isin(runs["run_id"])] for rows in (measures, distortions)),
    )
    return Contents(results_dir, runs, find_axes(runs), *of_runs)


def _curves(results_dir: Path, runs: pd.DataFrame) -> pd.DataFrame:
    """Evaluated epochs."""
    store = curves_store(results_dir)
    columns = ["run_id", "epoch", *CURVE_METRICS]
    if not store.path.exists():
        return pd.DataFrame(columns=columns)
    curves: pd.DataFrame = store.read(columns).to_pandas()
    evaluated = curves["train_loss"].notna() | curves["test_loss"].notna()
    return curves[evaluated & curves["run_id"].isin(runs["run_id"])].sort_values(["run_id", "epoch"])
