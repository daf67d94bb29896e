"""The part of a report about flatness: QGen's Tables 2 and 3, measures against the gap, step sizes, landscapes."""

import pandas as pd

from sweep.config.measures import FORMS
from sweep.figures.ranking import MEASURES, rank
from sweep.report import tables
from sweep.report.charts.drawing import Chart, Precisions
from sweep.report.charts.landscapes import landscape_charts
from sweep.report.charts.measures import ranking, scatter, step_sizes
from sweep.report.contents import Contents
from sweep.tables.flatness import MEASURE_SETTING

_ABSENT = (
    "Nothing was measured. `python -m sweep.measure results_dir=...` measures runs that were trained with "
    "keep_weights=true: norms, PAC-Bayes and sharpness measures, curvature and loss landscapes."
)
_TEXT = [
    "Flatness of the minimum that training found, of the weights as they are (raw) and with batch normalization folded "
    "into the convolutions. If quantization generalizes better because its minima are flatter, measures should fall "
    "with the bits, and runs with a larger measure should have a larger gap.",
    "The coloured cells are rank correlations with the gap (Kendall's tau): +1 where a larger measure always goes with "
    "a larger gap. “by” an axis compares only runs that differ in nothing but that axis; “granulated” is the mean over "
    "the axes. The filter acts on the dots, not on tables, rankings, step sizes and landscapes.",
]


def flatness(contents: Contents, precisions: Precisions) -> tuple[list[str], list[tables.Table], list[Chart]]:
    measures = contents.measures
    if measures.empty:
        return [_ABSENT], [], []
    shown, several = _TEXT, measures["measure_id"].nunique() > 1
    measured = measured_runs(contents)
    if several:
        shown = [*shown, "Runs were measured with several settings: charts are of the setting with the most runs."]
    charts = [
        *scatter(precisions, contents.axes),
        *ranking(rank(measured)),
        *step_sizes(measured, precisions),
        *landscape_charts(measured),
    ]
    return shown, tables.tables_of("measure", contents.runs, measures), charts


def measured_runs(contents: Contents) -> pd.DataFrame:
    """One line per run: its row, and its first measurement with the settings that most runs were measured with."""
    measures = contents.measures
    groups = measures.groupby(list(MEASURE_SETTING), dropna=False)
    commonest = measures[groups.ngroup() == groups.ngroup().mode().iloc[0]].drop_duplicates("run_id")
    columns = [name for name in commonest if name == "run_id" or name not in contents.runs]
    both: pd.DataFrame = contents.runs.merge(commonest[columns], on="run_id")
    return both


def measured_values(contents: Contents) -> pd.DataFrame:
    """Returns what the charts of measures show of every measured run."""
    return measured_runs(contents)[["run_id", *(f"{form}_{measure}" for form in FORMS for measure in MEASURES)]]
