"""Tables 2 and 3 on rows whose cells can be done in one's head."""

from pathlib import Path

import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.config.measuring import MeasureConfig
from sweep.config.parts import part_of
from sweep.measures.bounds import BOUNDS
from sweep.results.rows import measures_store, rows_store
from sweep.results.select import planned_and_stored, stored_measures
from sweep.tables.__main__ import main
from sweep.tables.display import text_of
from sweep.tables.table import Table
from tests.conftest import tiny_run
from tests.measure_row_of import measure_row_of
from tests.rows_of import row_of


def store(results_dir: Path, run: object, *measurements: dict[str, object], **row: object) -> None:
    rows_store(results_dir).write(run.run_id, [row_of(run, **row)])  # type: ignore[attr-defined, arg-type]
    for measurement in measurements:
        made = measure_row_of(run, **measurement)  # type: ignore[arg-type]
        measures_store(results_dir).write(made["task_id"], [made])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Raw norms 2, 4, 6 at 32 bits; 1, 2 at 2 bits with one run not measured and one diverged; folded ones 2."""
    for seed, norm in enumerate((2.0, 4.0, 6.0)):
        store(tmp_path, tiny_run(bits=32, seed=seed), {"raw_l2_norm": norm})
    missed = {f"raw_{name}": None for name in BOUNDS} | {"raw_threshold_missed": True}
    store(tmp_path, tiny_run(bits=2, seed=0), {"raw_l2_norm": 1.0, "raw_sigma_converged": False, **missed})
    limit = {"raw_sigma_converged": False, "raw_sigma_saturated": True, "raw_alpha_converged": False}
    store(tmp_path, tiny_run(bits=2, seed=1), {"raw_l2_norm": 2.0, "raw_pacbayes_init": 3.0, **limit})
    store(tmp_path, tiny_run(bits=2, seed=2))
    store(tmp_path, tiny_run(bits=2, seed=3), status="diverged")
    return tmp_path


def lines_of(results: Path, number: str = "2") -> pd.DataFrame:
    return part_of(Table, number).lines(planned_and_stored(results), stored_measures(results))


def table_of(results: Path, number: str = "2") -> pd.DataFrame:
    return lines_of(results, number).set_index(["bits", "form"])


def test_counts_means_and_spread(results: Path) -> None:
    table = table_of(results)
    assert table.index.tolist() == [(32, "raw"), (32, "folded"), (2, "raw"), (2, "folded")]
    assert table.loc[(2, "raw"), ["n", "missing", "failed", "diverged"]].tolist() == [2, 1, 0, 1]
    assert table.loc[(32, "raw"), "l2_norm"] == 4.0
    assert table.loc[(32, "raw"), "l2_norm_se"] == pytest.approx(2 / 3**0.5)
    assert table.loc[(2, "raw"), "l2_norm"] == 1.5 and table.loc[(2, "folded"), "l2_norm"] == 2.0
    assert table.loc[(2, "raw"), "run_ids"] == [tiny_run(bits=2, seed=seed).run_id for seed in (0, 1)]


def test_paired_ratios_to_full_precision(results: Path) -> None:
    table = table_of(results)
    assert table.loc[(2, "raw"), "l2_norm_ratio"] == pytest.approx(0.5)  # 1 / 2 and 2 / 4
    assert table.loc[(2, "raw"), ["l2_norm_ratio_low", "l2_norm_ratio_high"]].tolist() == pytest.approx([0.5, 0.5])
    assert table.loc[(2, "raw"), "l2_norm_pairs"] == 2 and table.loc[(2, "folded"), "l2_norm_ratio"] == 1.0
    assert table.loc[(32, "raw"), "l2_norm_pairs"] == 0 and pd.isna(table.loc[(32, "raw"), "l2_norm_ratio"])


def test_cells_that_hit_a_limit_or_missed_the_threshold_are_marked(results: Path) -> None:
    table = table_of(results, "3")
    quantized = table.loc[(2, "raw")]
    assert quantized["threshold_missed"] == 1 and table.loc[(2, "folded"), "threshold_missed"] == 0
    assert (quantized["pacbayes_init"], quantized["pacbayes_init_n"], quantized["pacbayes_init_limit"]) == (3.0, 1, 1)
    assert (quantized["sharpness_orig_limit"], quantized["sharpness_orig_unconverged"]) == (0, 1)
    assert (quantized["pacbayes_mag_init_limit"], quantized["pacbayes_mag_init_unconverged"]) == (0, 0)
    text = text_of(part_of(Table, "3"), table.reset_index(), "markdown")
    assert "3.000 ×3.00 †1 (n=1)" in text and "1.000 ×1.00 ‡1 (n=1)" in text
    assert "†k: of the n, k searches hit an end" in text and "‡k: of the n, k searches ended off" in text
    assert "threshold missed: by the unperturbed network" in text and "INCOMPLETE: 1 runs are not measured" in text


def test_measure_seeds_are_averaged_and_other_settings_are_not(results: Path) -> None:
    run = tiny_run(bits=32, seed=0)
    store(results, run, {"config": MeasureConfig(seed=1), "raw_l2_norm": 8.0}, {"config": MeasureConfig(restarts=3)})
    table = lines_of(results)
    assert sorted(table["measure_restarts"].unique()) == [3, 10]
    full = table[(table["bits"] == 32) & (table["form"] == "raw")].set_index("measure_restarts")
    assert full.loc[10, "l2_norm"] == 5.0 and full.loc[10, "n"] == 3  # (2 + 8) / 2, 4, 6
    assert full.loc[3, "n"] == 1 and full.loc[3, "missing"] == 2


def test_published_values_stand_beside_qgens_networks_only(tmp_path: Path) -> None:
    qgen = {"dataset": "cifar10", "base_width": 25, "depth": 4}
    for changes in (qgen | {"width": 10}, qgen | {"width": 8}, qgen | {"width": 10, "base_width": 4}, {}):
        store(tmp_path, tiny_run(bits=2, **changes), {})
    table = table_of(tmp_path).reset_index()
    beside = table["published_l2_norm"].notna()
    assert table.loc[beside, ["base_width", "width", "published_l2_norm"]].drop_duplicates().to_numpy().tolist() == [
        [25, 10, 47.263]
    ]
    shown = text_of(part_of(Table, "2"), table, "markdown")
    assert shown.count("published") == 1 and "NiN (4x10)" in shown and "NiN (2x2, base 2)" in shown
    assert table_of(tmp_path, "3")["published_sharpness_mag_orig"].max() == 6.131


@pytest.mark.parametrize(
    ("changes", "published"),
    [
        ({"dataset": "cifar10", "model": "cifar_resnet18", "base_width": 16}, 44.264),
        ({"dataset": "cifar10", "model": "cifar_resnet18", "base_width": 64}, None),  # not QGen's width there
        ({"dataset": "cifar10", "model": "cifar_resnet18", "base_width": 16, "act_bits": 8}, None),
        ({"dataset": "cifar10", "model": "resnet18"}, None),  # ImageNet's network
        ({"dataset": "imagenet_224", "model": "resnet18"}, 78.291),
        ({"dataset": "imagenet_64", "model": "resnet18"}, None),
        ({"dataset": "imagenet_224", "model": "resnet18", "quantizer": "lsq_plus"}, None),
    ],
)
def test_published_norms_are_of_qgens_resnets(
    changes: dict[str, object], published: float | None, tmp_path: Path
) -> None:
    sizes = {"base_width": 1, "width": 1, "depth": 1}
    store(tmp_path, tiny_run(**sizes | {"bits": 2} | changes), {})
    found = set(lines_of(tmp_path)["published_l2_norm"].dropna())
    assert found == ({published} if published else set())


@pytest.mark.parametrize("number", ["2", "3"])
@pytest.mark.parametrize("style", ["terminal", "markdown", "latex", "csv", "parquet"])
def test_the_command(number: str, style: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = results / "table"
    arguments = [f"table={number}", f"format={style}", f"results_dir={results}", f"output={output}", "measure.seed=0"]
    monkeypatch.setattr("sys.argv", ["tables", *arguments])
    main()
    if style == "parquet":
        assert len(pd.read_parquet(output)["run_ids"].iloc[0]) == 3
    else:
        assert ("1.5" if number == "2" else "3.0") in output.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table=7"], "table=7: allowed are 1, 2, 3, 4, 5, 6, qreg1"),
        (["table=2", "measure.seed=9"], "measure_seed=9: no run has it; there are 0"),
        (["table=2", "seed=2", "bits=2"], "none of the 1 runs was measured; `python -m sweep.measure` does it"),
    ],
)
def test_bad_arguments(arguments: list[str], message: str, results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["tables", f"results_dir={results}", *arguments])
    with pytest.raises(ConfigError, match=message):
        main()


def test_nothing_measured(tmp_path: Path) -> None:
    store(tmp_path, tiny_run())
    with pytest.raises(ConfigError, match=r"nothing was measured there; `python -m sweep.measure` does it"):
        stored_measures(tmp_path)
