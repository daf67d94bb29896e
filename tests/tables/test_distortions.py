"""QGen Tables 4 to 6 and QReg Table 1 on rows whose cells can be done in one's head."""

import math
from collections.abc import Iterable
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from sweep.config.checks import ConfigError
from sweep.config.distorting import CIFAR_C, CORRUPTIONS, Distortion
from sweep.config.parts import part_of
from sweep.config.run import RunConfig
from sweep.results.rows import distortions_store, rows_store
from sweep.results.select import planned_and_stored, stored_distortions
from sweep.tables.__main__ import main
from sweep.tables.display import text_of
from sweep.tables.distortions import distortion_table
from sweep.tables.pairs import interval, p_values
from sweep.tables.parts.qreg_table1 import PART as QREG
from sweep.tables.published import read_published
from sweep.tables.table import Table
from tests.conftest import tiny_run
from tests.distorted_row_of import distorted_row_of
from tests.rows_of import row_of

FOG, SNOW = "fog", "snow"


def store(results: Path, run: RunConfig, found: Iterable[tuple[Distortion, float, float]], **row: Any) -> None:
    rows_store(results).write(run.run_id, [row_of(run, **row)])
    for distortion, loss, acc in found:
        evaluated = distorted_row_of(run, distortion, loss, acc)
        distortions_store(results).write(evaluated["task_id"], [evaluated])


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Train loss 0.5. At severity 1 of fog gaps 1, 2, 3 at 32 bits; 0.5, 2.5, 1 at 2; one of the latter at chance."""
    fog, worse = Distortion(FOG, 1), Distortion(FOG, 2)
    for seed, (full, quantized) in enumerate([(1.0, 0.5), (2.0, 2.5), (3.0, 1.0)]):
        chance = {"at_chance": seed == 2}
        store(tmp_path, tiny_run(bits=32, seed=seed), [(fog, full + 0.5, 0.5), (worse, full + 2.5, 0.25)])
        found = [(fog, quantized + 0.5, 0.25), (worse, quantized + 1.5, 0.125)]
        store(tmp_path, tiny_run(bits=2, seed=seed), found[: 1 if seed == 1 else 2], **chance)
    store(tmp_path, tiny_run(bits=2, seed=3), [], status="diverged")
    store(tmp_path, tiny_run(bits=2, seed=4), [])
    return tmp_path


def tables(results: Path, **options: Any) -> pd.DataFrame:
    runs = planned_and_stored(results)
    return distortion_table(runs, stored_distortions(results, runs, {}), **options)


def test_gaps_and_their_change(results: Path) -> None:
    table = tables(results)
    assert list(zip(table["severity"], table["bits"], strict=True)) == [(1, 32), (1, 2), (2, 32), (2, 2)]
    full, quantized = table.iloc[0], table.iloc[1]
    assert (full["n"], full["gap"], full["gap_se"]) == (3, 2.0, pytest.approx(1 / math.sqrt(3)))
    assert full["pairs"] == 0 and math.isnan(full["gap_change"])
    assert (quantized["n"], quantized["missing"], quantized["diverged"], quantized["at_chance"]) == (3, 1, 1, 1)
    assert quantized["gap"] == pytest.approx(4 / 3) and quantized["acc"] == 0.25
    assert quantized["pairs"] == 3 and quantized["gap_change"] == pytest.approx(-2 / 3)  # of -0.5, 0.5, -2
    assert quantized["acc_change"] == -0.25 and len(quantized["run_ids"]) == 3
    at_2 = table.iloc[3]
    assert (at_2["n"], at_2["missing"], at_2["gap"]) == (2, 2, pytest.approx(1.75))  # of 1.5 and 2.0


def test_the_mean_over_severities_leaves_out_runs_that_lack_one(results: Path) -> None:
    full, quantized = (line for _, line in tables(results, over_severities=True).iterrows())
    assert full["severity"] == "1,2" and full["gap"] == pytest.approx(2 + 1)  # gaps of 2 and 4 on average
    assert (quantized["n"], quantized["missing"]) == (2, 2)
    assert quantized["gap"] == pytest.approx(((0.5 + 1.5) / 2 + (1.0 + 2.0) / 2) / 2)


def test_seeds_of_a_corruption_are_averaged_per_run(tmp_path: Path) -> None:
    run = tiny_run(bits=32)
    store(tmp_path, run, [(Distortion(FOG, 1, 0), 1.5, 0.5), (Distortion(FOG, 1, 1), 2.5, 0.25)])
    (line,) = tables(tmp_path).to_dict("records")
    assert (line["n"], line["gap"], line["acc"]) == (1, 1.5, 0.375)


def test_images_of_other_sources_make_lines_of_their_own(tmp_path: Path) -> None:
    store(tmp_path, tiny_run(), [(Distortion(FOG, 1), 1.5, 0.5), (Distortion(FOG, 1, 0, CIFAR_C), 2.5, 0.25)])
    assert tables(tmp_path)[["corruption_source", "gap"]].to_numpy().tolist() == [["cifar-c", 2.0], ["generated", 1.0]]


def test_intervals_and_tests_are_scipy_s() -> None:
    differences = np.array([0.1, -0.3, 0.25, 0.4, 0.05])
    mean, low, high = interval(differences)
    reference = stats.ttest_1samp(differences, 0.0)
    assert (low, high) == pytest.approx(tuple(reference.confidence_interval(0.95))) and mean == pytest.approx(0.1)
    t_p, wilcoxon_p = p_values(differences)
    assert t_p == pytest.approx(reference.pvalue) and wilcoxon_p == stats.wilcoxon(differences).pvalue
    assert all(map(math.isnan, p_values(np.array([0.0, 0.0])))) and all(map(math.isnan, p_values(np.array([1.0]))))


def test_eq_5_gives_qreg_s_printed_column_from_its_accuracies(tmp_path: Path) -> None:
    """Logarithm to base 10; the published numbers stand beside, being of the paper's network and images."""
    printed = {32: (82.80, 0.0), 8: (84.07, 3.33), 4: (83.94, 2.98), 2: (79.17, -8.32)}
    for bits, (acc, _) in printed.items():
        run = tiny_run(dataset="cifar10", model="resnet20", bits=bits, quantizer="lsq")
        store(tmp_path, run, [(Distortion(name, 3, 0, CIFAR_C), 1.0, acc / 100) for name in CORRUPTIONS])
    runs = planned_and_stored(tmp_path)
    table = QREG.lines(runs, stored_distortions(tmp_path, runs, {}))
    for _, line in table.iterrows():
        acc, improvement = printed[line["bits"]]
        assert line["published_acc"] == pytest.approx(acc / 100) and line["published_improvement"] == improvement
        assert line["acc"] == pytest.approx(acc / 100)
        assert line["bits"] == 32 or line["improvement"] == pytest.approx(improvement, abs=0.006)
    text = text_of(QREG, table, "markdown")
    assert "mean over 19 corruptions at severity 3" in text and "| 79.17 " in text and "| -8.32 " in text


def test_a_run_without_all_corruptions_is_missing_from_qreg_s_mean(tmp_path: Path) -> None:
    both = [(Distortion(FOG, 1), 1.0, 0.5), (Distortion(SNOW, 1), 1.0, 0.25)]
    store(tmp_path, tiny_run(bits=32, seed=0), both)
    store(tmp_path, tiny_run(bits=32, seed=1), both[:1])
    runs = planned_and_stored(tmp_path)
    (line,) = QREG.lines(runs, stored_distortions(tmp_path, runs, {})).to_dict("records")
    assert (line["n"], line["missing"], line["acc"], line["corruptions"]) == (1, 1, 0.375, 2)


def test_images_of_one_source_need_not_have_the_corruptions_of_another(tmp_path: Path) -> None:
    fog, snow = (Distortion(name, 1, 0, CIFAR_C) for name in (FOG, SNOW))
    found = [(fog, 1.0, 0.5), (snow, 1.0, 0.25), (Distortion(FOG, 4), 1.0, 0.75)]
    store(tmp_path, tiny_run(bits=32), found)
    runs = planned_and_stored(tmp_path)
    table = QREG.lines(runs, stored_distortions(tmp_path, runs, {}))
    assert table[["corruption_source", "corruptions", "severities", "acc"]].to_numpy().tolist() == [
        ["cifar-c", 2, "1", 0.375], ["generated", 1, "4", 0.75]
    ]  # fmt: skip
    assert tables(tmp_path, over_severities=True)["severity"].tolist() == ["1", "1", "4"]


def test_no_run_with_all_of_it(tmp_path: Path) -> None:
    store(tmp_path, tiny_run(seed=0), [(Distortion(FOG, 1), 1.0, 0.5)])
    store(tmp_path, tiny_run(seed=1), [(Distortion(SNOW, 1), 1.0, 0.5)])
    runs = planned_and_stored(tmp_path)
    with pytest.raises(ConfigError, match="no run was evaluated at all severities and corruptions that some run has"):
        QREG.lines(runs, stored_distortions(tmp_path, runs, {}))


@pytest.mark.parametrize(
    ("number", "dataset", "model", "source", "published"),
    [
        ("4", "imagenet_224", "resnet18", "imagenet-c", 1.18),  # Glass Blue, severity 1, FP32
        ("6", "imagenet_224", "resnet50", "imagenet-c", 1.349),
        ("5", "cifar100", "mobilenet_v1", "cifar-c", None),
        ("4", "imagenet_224", "resnet18", "generated", 1.18),  # with ImageNet-C's strengths
        ("5", "cifar100", "vgg19", "generated", math.nan),  # not with CIFAR-100-C's
        ("4", "imagenet_64", "resnet18", "imagenet-c", math.nan),
        ("4", "imagenet_224", "resnet34", "imagenet-c", math.nan),
        ("5", "cifar100", "resnet18", "cifar-c", math.nan),  # ImageNet's network
        ("4", "my-birds", "resnet18", "imagenet-c", math.nan),
    ],
)
def test_published_numbers_stand_beside_the_papers_networks_and_images_alone(
    number: str, dataset: str, model: str, source: str, published: float | None, tmp_path: Path
) -> None:
    distortion = Distortion("glass_blur", 1, 0, source)
    store(tmp_path, tiny_run(dataset=dataset, model=model, bits=32), [(distortion, 1.0, 0.5)])
    runs = planned_and_stored(tmp_path)
    table = part_of(Table, number).lines(runs, stored_distortions(tmp_path, runs, {}))
    if published is None:
        csv = read_published("qgen_table5").query("model == 'MobileNet-V1' and precision == 'FP32'")
        published = csv.set_index("augmentation")["value"]["Glass Blue"]
    assert table["published_gap"].tolist() == pytest.approx([published], nan_ok=True)


def test_marks_counts_and_notes(results: Path) -> None:
    table_4, runs = part_of(Table, "4"), planned_and_stored(results)
    table = table_4.lines(runs, stored_distortions(results, runs, {}))
    text = text_of(table_4, table, "terminal")
    assert "2.000 ± 0.577" in text and "1.333 ± 0.601 ▼" in text and "▼*" not in text
    assert "1.750 ± 0.250 ▼ (n=2)" in text  # the line's n is of severity 1
    assert "AT CHANCE: of the n" in text and "INCOMPLETE" in text and "some runs diverged" in text
    assert "digits NiN Int2: 2 of 2 cells better than FP32" in text
    assert r"$\blacktriangledown$" in text_of(table_4, table, "latex")
    html = text_of(table_4, table, "html")
    assert "<td>1.333 ± 0.601 ▼</td>" in html and "<p>gap: loss on" in html


def test_the_command(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def show(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["tables", f"results_dir={results}", *arguments])
        main()
        return capsys.readouterr().out

    assert "gap at severity 2" in show("table=6") and "gap at severity 2" not in show("table=4", "severity=1")
    assert "gap at severity 1,2" in show("table=5") and "accuracy on corrupted" in show("table=qreg1")
    written = pd.read_csv(StringIO(show("table=4", "format=csv")))
    assert written["gap_change_wilcoxon_p"].notna().sum() == 2
    show("table=4", "format=parquet", f"output={results / 't.parquet'}")
    assert pd.read_parquet(results / "t.parquet")["run_ids"].map(len).tolist() == [3, 3, 3, 2]
    with pytest.raises(ConfigError, match="corruption=snow: no run has it; there are fog"):
        show("table=4", "corruption=snow")


def test_nothing_evaluated(tmp_path: Path) -> None:
    store(tmp_path, tiny_run(), [])
    with pytest.raises(ConfigError, match="no run was evaluated on corrupted images there"):
        tables(tmp_path)
    store(tmp_path, tiny_run(seed=1), [(Distortion(FOG, 1), 1.0, 0.5)])
    runs = planned_and_stored(tmp_path).query("seed == 0")
    with pytest.raises(ConfigError, match="none of the 1 runs was evaluated on corrupted images"):
        stored_distortions(tmp_path, runs, {})
