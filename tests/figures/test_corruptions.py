"""QReg's heatmaps on differences that can be done in one's head."""

from pathlib import Path

import numpy as np
import pytest

from sweep.config.checks import ConfigError
from sweep.config.distorting import CORRUPTIONS, Distortion
from sweep.figures.__main__ import main
from sweep.figures.parts.qreg_figure2 import draw_corruptions
from sweep.results.rows import distortions_store, rows_store
from sweep.results.select import planned_and_stored, stored_distortions
from tests.conftest import tiny_run
from tests.distorted_row_of import distorted_row_of
from tests.rows_of import row_of


def store(results: Path, bits: int, accuracies: dict[str, float], source: str = "generated", **run: object) -> None:
    chosen = tiny_run(bits=bits, **run)
    rows_store(results).write(chosen.run_id, [row_of(chosen, test_acc=0.5 + bits / 100)])
    for corruption, acc in accuracies.items():
        for severity, change in ((1, 0.1), (5, -0.1)):
            row = distorted_row_of(chosen, Distortion(corruption, severity, 0, source), 1.0, acc + change)
            distortions_store(results).write(row["task_id"], [row])


def cells(results: Path) -> tuple[np.ndarray, list[str], list[str], list[str]]:
    runs = planned_and_stored(results)
    (axes,) = draw_corruptions(runs, stored_distortions(results, runs, {})).axes
    rows, columns = ([tick.get_text() for tick in ticks] for ticks in (axes.get_yticklabels(), axes.get_xticklabels()))
    return axes.images[0].get_array(), rows, columns, [text.get_text() for text in axes.texts]


def test_cells_are_differences_in_points_in_the_papers_order(tmp_path: Path) -> None:
    for bits, accuracies in ((32, (0.5, 0.25)), (8, (0.75, 0.25)), (2, (0.25, 0.375))):
        store(tmp_path, bits, dict(zip(("frost", "glass_blur"), accuracies, strict=True)))
    values, rows, columns, texts = cells(tmp_path)
    assert rows == ["clean", "glass blur", "frost", "mean of corruptions"] and columns == ["Int8", "Int2"]
    np.testing.assert_allclose(values, [[-24, -30], [0, 12.5], [25, -25], [12.5, -6.25]], atol=1e-9)
    assert texts[4] == "+25.0" and texts[0] == "-24.0"


def test_a_star_where_pairs_agree(tmp_path: Path) -> None:
    for seed, change in enumerate((0.1, 0.11, 0.12)):
        store(tmp_path, 32, {"fog": 0.5}, seed=seed)
        store(tmp_path, 2, {"fog": 0.5 + change}, seed=seed)
    _, rows, _, texts = cells(tmp_path)
    assert texts[rows.index("fog")] == "+11.0*" and texts[rows.index("mean of corruptions")] == "+11.0"


def test_qreg_s_means_stand_beneath_its_networks(tmp_path: Path) -> None:
    """79.17 % at 2 bits less 82.80 % at full precision."""
    for bits in (32, 2):
        store(tmp_path, bits, dict.fromkeys(CORRUPTIONS, 0.5), "cifar-c", dataset="cifar10", model="resnet20")
    values, rows, _, _ = cells(tmp_path)
    assert rows[-1] == "mean, QReg" and values[-1, 0] == pytest.approx(-3.63)


def test_without_pairs_there_is_no_figure(tmp_path: Path) -> None:
    store(tmp_path, 2, {"fog": 0.5})
    with pytest.raises(ConfigError, match="needs quantized runs and the same at 32 bits"):
        cells(tmp_path)


def test_the_command_draws_what_there_are_rows_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for bits in (2, 32):
        store(tmp_path, bits, {"fog": 0.5})
    monkeypatch.setattr("sys.argv", ["figures", f"results_dir={tmp_path}"])
    main()
    assert {Path(line).name for line in capsys.readouterr().out.split()} == {"corruptions.svg", "corruptions.png"}
    assert all((tmp_path / "figures" / f"corruptions.{kind}").stat().st_size > 1000 for kind in ("svg", "png"))
    monkeypatch.setattr("sys.argv", ["figures", f"results_dir={tmp_path}", "figure=2"])
    with pytest.raises(ConfigError, match="nothing was measured there"):
        main()
