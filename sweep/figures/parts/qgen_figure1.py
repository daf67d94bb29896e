"""QGen Figure 1: the step size of every layer against the bit width."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sweep.config.checks import ConfigError
from sweep.figures.drawing import colour, marker, new_figure, save
from sweep.figures.measured import MeasuredFigure
from sweep.tables.flatness import NETWORK
from sweep.tables.labels import network_name, precision_name


class StepSizes(MeasuredFigure):
    def draw(self, runs: pd.DataFrame, found: pd.DataFrame, folder: Path) -> list[Path]:
        return save(draw_step_sizes(found), folder, "figure1-step-sizes")


def draw_step_sizes(runs: pd.DataFrame) -> Figure:
    """A panel per network: geometric mean over the runs, and from the smallest to the largest."""
    quantized = runs[runs["layers"].map(len) > 0]
    if quantized.empty:
        raise ConfigError("figure 1 needs quantized runs: none of those measured is")
    networks = list(quantized.groupby(list(NETWORK), sort=True))
    figure = new_figure(4.6 * len(networks) + 1, 4)
    panels = figure.subplots(1, len(networks), squeeze=False, sharey=True)[0]
    for axes, (_, group) in zip(panels, networks, strict=True):
        _draw_network(axes, group)
    figure.axes[0].set_ylabel("step size")
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right upper")
    return figure


def _draw_network(axes: Axes, runs: pd.DataFrame) -> None:
    for bits in sorted(runs["bits"].unique(), reverse=True):
        group = runs[runs["bits"] == bits]
        names, steps = _by_layer(group)
        layer = np.arange(1, len(names) + 1)
        mean = np.exp(np.log(steps).mean(axis=0))
        label = f"{precision_name(bits)} (n={len(group)})"
        axes.plot(layer, mean, color=colour(bits), marker=marker(bits), label=label)
        axes.fill_between(layer, steps.min(axis=0), steps.max(axis=0), color=colour(bits), alpha=0.15, linewidth=0)
    axes.set_yscale("log")
    axes.set_xticks(layer, names, rotation=60, ha="right", fontsize=8)
    axes.set_title(network_name(runs.iloc[0]))
    axes.grid(alpha=0.3)


def _by_layer(group: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    """Names of the layers and the step sizes (runs, layers); layers that not all of the runs quantize are left out."""
    steps = [dict(zip(row["layers"], row["step_sizes"], strict=True)) for _, row in group.iterrows()]
    names = [name for name in steps[0] if all(name in each for each in steps)]
    labels = [name.removesuffix(".weight") for name in names]
    return labels, np.array([[each[name] for name in names] for each in steps])


PART = StepSizes(name="1", meaning="The step size of every layer against the bit width.", paper="QGen Figure 1")
