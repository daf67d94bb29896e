"""The part of a report about corrupted test images."""

from typing import Any

import pandas as pd

from sweep.config.distorting import CORRUPTIONS
from sweep.report import tables
from sweep.report.axes import is_full_precision
from sweep.report.charts.corrupted import QUANTITIES, corruption_charts
from sweep.report.charts.drawing import Chart, Precisions
from sweep.report.contents import Contents
from sweep.tables.distortions import CELL, IMAGES

_ABSENT = (
    "No run was evaluated on corrupted images. `python -m sweep.distort -m results_dir=...` does it with runs that "
    "were trained with keep_weights=true."
)
_TEXT = (
    "Trained networks on test images with noise, blur, weather and other corruptions, which none of them was trained "
    "on. The first map is accuracy; the second compares each run with itself at full precision (blue: quantization "
    "helps); the third is the generalization gap of QGen, section 4.3. Means over the runs that the filter leaves."
)


def corruptions(contents: Contents, precisions: Precisions) -> tuple[list[str], list[tables.Table], list[Chart]]:
    if contents.distortions.empty:
        return [_ABSENT], [], []
    text, per_run = [_TEXT], corrupted_runs(contents)
    if len(contents.distortions[list(IMAGES)].drop_duplicates()) > 1:
        text.append("Images came from several sources: charts are of the one that most evaluations used.")
    shown = [name for name in CORRUPTIONS if name in set(per_run["corruption"])]
    changes = per_run.merge(contents.runs[["run_id", "quantization"]]).groupby(["quantization", *CELL])["acc_change"]
    largest = float(changes.mean().abs().max())
    charts = corruption_charts(precisions, shown, per_run["severity"].unique().tolist(), largest)
    return text, tables.tables_of("distort", contents.runs, contents.distortions), charts


def corrupted_runs(contents: Contents) -> pd.DataFrame:
    """One line per run, corruption and severity with `QUANTITIES`, means over seeds, of the commonest images."""
    distortions = contents.distortions
    source = distortions.groupby(list(IMAGES)).ngroup()
    groups = distortions[source == source.mode().iloc[0]].groupby(["run_id", *CELL])
    per_run = groups[["distorted_loss", "distorted_acc"]].mean().reset_index().merge(contents.runs, on="run_id")
    full = per_run[is_full_precision(per_run)]
    partners = per_run.merge(full, on=["pair", *CELL], how="left", suffixes=("", "_full"))
    return partners[["run_id", *CELL]].assign(
        acc=partners["distorted_acc"],
        acc_change=(partners["distorted_acc"] - partners["distorted_acc_full"]).mask(is_full_precision(partners)),
        gap=partners["distorted_loss"] - partners["train_loss"],
    )


def cells_of_runs(contents: Contents) -> dict[str, Any]:
    """Returns for the page the cells (corruption, severity), and by run and quantity the values of all cells."""
    if contents.distortions.empty:
        return {"cells": [], "quantities": [], "of": {}}
    per_run = corrupted_runs(contents)
    wide = {name: per_run.pivot(index="run_id", columns=list(CELL), values=name) for name in QUANTITIES}
    return {
        "cells": [[cell[0], int(cell[1])] for cell in wide["acc"].columns.tolist()],
        "quantities": list(wide),
        "of": {run_id: [values.loc[run_id] for values in wide.values()] for run_id in wide["acc"].index},
    }
