"""What a report says, part by part: words, tables, charts."""

from collections.abc import Callable
from dataclasses import dataclass, field

from sweep.report import tables
from sweep.report.axes import OUTCOMES, is_full_precision, precisions
from sweep.report.charts.curves import curve_charts
from sweep.report.charts.drawing import Chart, Precisions
from sweep.report.charts.gaps import gap_charts
from sweep.report.charts.learning_rates import learning_rate_charts
from sweep.report.charts.outcomes import outcome_bars, outcome_map
from sweep.report.charts.time import time_charts
from sweep.report.contents import Contents
from sweep.report.corruptions import corruptions
from sweep.report.flatness import flatness
from sweep.report.tables import Table


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    text: list[str]
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)


def sections(contents: Contents) -> list[Section]:
    colours = precisions(contents.runs)
    return [make(contents, colours) for make in _SECTIONS]


def _what_ran(contents: Contents, colours: Precisions) -> Section:
    runs = contents.runs
    text = [
        "Every planned or stored run is counted once. Finished runs have a result; those at chance finished but never "
        "learned more than guessing; diverged ones met a NaN or infinite loss, which is a result; failed ones ended "
        "with an error; missing ones are planned and have no row yet.",
    ]
    labels = [each["label"] for each in colours]
    shown = [tables.outcomes(runs, labels), tables.grid(runs, labels, contents.axes)]
    if (runs["outcome"] == "missing").any():
        text.append("The sweep is not complete: means below are over the runs that have finished.")
        shown.append(tables.listed("Missing runs", runs, "missing"))
    return Section("what-ran", "What ran", text, shown, outcome_bars(colours))


def _tables(contents: Contents, _: Precisions) -> Section:
    text = [
        "Means over the grid ± standard error, and the mean difference of the gap to the same runs at full precision "
        "with its 95 % confidence interval. Where the papers print the same setting, their line stands below ours. "
        "The last column names the runs behind each line. The filter does not act on tables.",
    ]
    return Section("tables", "Tables", text, tables.tables_of("train", contents.runs, contents.runs))


def _gaps(contents: Contents, colours: Precisions) -> Section:
    runs = contents.runs
    text = [
        "The generalization gap is test loss minus training loss; the filter's “quantity” puts another in its place. "
        "Each dot is a finished run, the bar spans the middle half of the runs, its tick is the median. Thin grey "
        "lines join runs that differ in precision alone: where they fall together, quantization lowers the gap run by "
        "run, not only on average. Click a dot to follow its run."
    ]
    if not is_full_precision(runs).any():
        text.append("There is no full-precision run, so that nothing can be compared with full precision.")
    if runs["quantization"].nunique() == 1:
        text.append("All runs have one precision, so that there are no lines between precisions.")
    return Section("gaps", "Gap against bits", text, charts=gap_charts(colours, contents.axes))


def _one_run(contents: Contents, colours: Precisions) -> Section:
    text = ["Click a dot, a run id or a run in the list to choose another run."]
    if contents.curves.empty:
        return Section("one-run", "One run", ["No curves are stored with these runs.", *text])
    text.insert(
        0,
        "Loss and accuracy on the clean training set (solid) and test set (dashed) after each evaluated epoch: "
        "the chosen run (thick) and the runs that differ from it in precision alone.",
    )
    return Section("one-run", "One run", text, charts=curve_charts(colours))


def _learning_rates(contents: Contents, colours: Precisions) -> Section:
    charts = learning_rate_charts(contents.runs, colours, contents.axes)
    if not charts:
        return Section("learning-rates", "Learning rates", ["Every optimizer was run with one learning rate."])
    text = [
        "Test loss by learning rate and precision, on a logarithmic scale; lines join the medians. "
        "A precision whose line is steeper than that of full precision is more sensitive to the learning rate; a line "
        "that is lowest at an end says that the best learning rate may lie outside of the grid."
    ]
    return Section("learning-rates", "Learning rates", text, charts=charts)


def _trouble(contents: Contents, colours: Precisions) -> Section:
    runs = contents.runs
    counts = {outcome: int((runs["outcome"] == outcome).sum()) for outcome in OUTCOMES[1:]}
    text = ["; ".join(f"{outcome}: {count} of {len(runs)}" for outcome, count in counts.items()) + "."]
    if contents.axes:
        text.append(
            "The map shows, for every value of every axis, how many of its runs have the outcome that you choose."
        )
    titles = {"diverged": "Diverged runs", "at chance": "Runs that never left chance level"}
    shown = [tables.listed(title, runs, outcome) for outcome, title in titles.items() if counts[outcome]]
    if counts["failed"]:
        shown.append(tables.failures(runs))
    return Section("trouble", "Diverged and failed runs", text, shown, outcome_map(colours, contents.axes))


def _flatness(contents: Contents, colours: Precisions) -> Section:
    return Section("flatness", "Flatness", *flatness(contents, colours))


def _corruptions(contents: Contents, colours: Precisions) -> Section:
    return Section("corruptions", "Corrupted images", *corruptions(contents, colours))


def _time(contents: Contents, colours: Precisions) -> Section:
    text = [
        "GPU-hours are of runs on a GPU, CPU-hours of runs on a CPU times the threads of their worker. Runs that "
        "trained together as an array count their share. The time of failed runs is not recorded."
    ]
    return Section("time", "Time", text, [tables.time_spent(contents.runs)], time_charts(colours))


def _provenance(contents: Contents, _: Precisions) -> Section:
    text = ["Versions, code and machines of the runs; runs on one line were made by the same."]
    return Section("provenance", "Provenance", text, [tables.provenance(contents.runs)])


_SECTIONS: tuple[Callable[[Contents, Precisions], Section], ...] = (
    _what_ran, _tables, _gaps, _one_run, _learning_rates, _trouble, _flatness, _corruptions, _time, _provenance,
)  # fmt: skip
