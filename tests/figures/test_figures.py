"""The files, and what the pictures hold."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.config.measuring import MeasureConfig
from sweep.figures.__main__ import main
from sweep.figures.measured import measured_runs
from sweep.figures.parts.qgen_figure1 import draw_step_sizes
from sweep.figures.parts.qgen_figure2 import draw_landscapes
from sweep.figures.parts.ranking import draw_ranking, draw_scatter
from sweep.figures.ranking import MEASURES, rank
from sweep.results.rows import measures_store, rows_store
from sweep.results.select import planned_and_stored, stored_measures
from tests.conftest import tiny_run
from tests.measure_row_of import measure_row_of
from tests.rows_of import row_of

LAYERS = ["features.0.0.weight", "head.0.weight"]
BOWL = [{"x": float(x), "y": float(y), "loss": 0.5 + x * x + 2.0 * y * y} for x in (-1, 0, 1) for y in (-1, 0, 1)]


def store(results_dir: Path, **measured: Any) -> None:
    """2 and 32 bits with 3 seeds; the step size is 0.1 * (seed + 1) in the first layer and half of it in the last."""
    for bits in (2, 32):
        for seed in range(3):
            run = tiny_run(bits=bits, seed=seed)
            steps = {"layers": LAYERS, "step_sizes": [0.1 * (seed + 1), 0.05 * (seed + 1)]} if bits == 2 else {}
            scapes = {f"{form}_landscape": BOWL for form in ("raw", "folded")} if seed == 1 else {}
            values = {"raw_l2_norm": seed + 1.0, **steps, **scapes, **measured}
            row = measure_row_of(run, MeasureConfig(landscape_points=3), **values)
            rows_store(results_dir).write(run.run_id, [row_of(run, gap=0.1 * (seed + 1))])
            measures_store(results_dir).write(row["task_id"], [row])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    store(tmp_path)
    return tmp_path


def runs_of(results: Path) -> pd.DataFrame:
    return measured_runs(planned_and_stored(results), stored_measures(results))


def test_step_sizes_are_those_of_the_quantized_runs(results: Path) -> None:
    (axes,) = draw_step_sizes(runs_of(results)).axes
    (line,) = axes.get_lines()
    mean = 0.1 * 6 ** (1 / 3)  # of 0.1, 0.2, 0.3, geometric
    assert list(line.get_ydata()) == pytest.approx([mean, mean / 2])
    assert line.get_label() == "Int2 (n=3)" and axes.get_yscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["features.0.0", "head.0"]


@pytest.mark.parametrize("form", ["raw", "folded"])
def test_landscapes_are_of_one_run_at_every_precision(form: str, results: Path) -> None:
    figure = draw_landscapes(runs_of(results), form)
    surfaces = [axes for axes in figure.axes if axes.name == "3d"]
    assert [axes.get_title() for axes in surfaces] == ["FP32, loss 0.500", "Int2, loss 0.500"]
    assert figure.get_suptitle().endswith(f"seed 1, {form} weights")
    assert {axes.get_zlim() for axes in surfaces} == {tuple(np.log10([0.5, 3.5]))}  # type: ignore[attr-defined]


def test_scatter_has_a_point_per_run_and_the_taus(results: Path) -> None:
    runs = runs_of(results)
    figure = draw_scatter(runs, rank(runs), "l2_norm")
    raw = figure.axes[0]
    assert sum(len(points.get_offsets()) for points in raw.collections) == 6
    assert "all runs (n=6): τ +1.00, granulated +1.00" in raw.get_title()
    assert "FP32 only (n=3): τ +1.00" in raw.get_title()
    assert "all runs (n=6): τ undefined" in figure.axes[1].get_title()  # folded norms are all 2


def test_ranking_shows_every_measure(results: Path) -> None:
    figure = draw_ranking(rank(runs_of(results)))
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [name.replace("_", " ") for name in MEASURES] and len(figure.axes) == 4


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr("sys.argv", ["figures", *arguments])
    main()


def test_the_command_writes_svg_and_png(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_main(monkeypatch, f"results_dir={results}")
    files = {path.name for path in (results / "figures").iterdir()}
    names = ["figure1-step-sizes", "figure2-landscape-raw", "figure2-landscape-folded", "ranking"]
    names += [f"scatter-{measure.replace('_', '-')}" for measure in MEASURES]
    assert files == {"ranking.csv", *(f"{name}.{kind}" for name in names for kind in ("svg", "png"))}
    assert all((results / "figures" / name).stat().st_size > 200 for name in files)
    first = (results / "figures" / "ranking.svg").read_bytes()
    run_main(monkeypatch, f"results_dir={results}", "figure=ranking")
    assert (results / "figures" / "ranking.svg").read_bytes() == first


def test_what_the_measurements_do_not_have_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store(tmp_path, raw_landscape=[], folded_landscape=[])
    run_main(monkeypatch, f"results_dir={tmp_path}", f"output={tmp_path / 'f'}")
    assert "left out: figure 2 needs landscapes" in capsys.readouterr().out
    assert (tmp_path / "f" / "figure1-step-sizes.svg").exists()
    with pytest.raises(ConfigError, match=r"measure with measure.landscape_points=21"):
        run_main(monkeypatch, f"results_dir={tmp_path}", "figure=2")
    with pytest.raises(ConfigError, match="figure 1 needs quantized runs"):
        run_main(monkeypatch, f"results_dir={tmp_path}", "figure=1", "bits=32")


def test_bad_arguments(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="figure=3: allowed are all, 1, 2, corruptions, ranking"):
        run_main(monkeypatch, f"results_dir={results}", "figure=3")
    other = tiny_run(epochs=6, milestones=[1, 2])
    rows_store(results).write(other.run_id, [row_of(other)])
    row = measure_row_of(other, MeasureConfig(landscape_points=3))
    measures_store(results).write(row["task_id"], [row])
    with pytest.raises(ConfigError, match="the measured runs differ in epochs, give one: 3, 6"):
        run_main(monkeypatch, f"results_dir={results}")
