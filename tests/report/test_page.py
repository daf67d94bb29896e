"""What the page holds, without a browser."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.report.__main__ import main, report
from sweep.report.page import rounded
from tests.report.results import contents_of, full_results


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    full_results(folder)
    return folder


@pytest.fixture(scope="module")
def html(results: Path) -> str:
    return report(contents_of(results), "python -m sweep.report", title="A & B")


@pytest.fixture(scope="module")
def data(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert found
    loaded: dict[str, Any] = json.loads(found[1])
    return loaded


def column(table: dict[str, Any], name: str) -> list[Any]:
    values: list[Any] = table["columns"][table["names"].index(name)]
    return values


def test_nothing_is_fetched(html: str) -> None:
    assert not re.search(r'(src|href)="(?!#|data:)', html.split("<script")[0])
    assert html.count("</script>") == html.count("<script")


def test_text_of_users_is_escaped(html: str) -> None:
    assert "<title>A &amp; B</title>" in html and "OSError: &lt;disk&gt;" in html


def test_runs_keep_their_values(data: dict[str, Any]) -> None:
    runs = data["runs"]
    by_bits = dict(zip(column(runs, "bits"), column(runs, "gap"), strict=True))
    assert by_bits[32] == 0.4 and len(column(runs, "short")) == 8
    assert sorted(map(str, column(runs, "gap"))) == ["0.1", "0.1", "0.4", "0.4", "0.4", "0.4", "None", "None"]
    assert data["same"]["dataset"] == "digits" and "bits" not in data["same"]
    assert all(
        full.startswith(short) for full, short in zip(column(runs, "run_id"), column(runs, "short"), strict=True)
    )
    assert set(column(runs, "ended_at")) == {1767225600000}  # 2026-01-01 in milliseconds


def test_curves_have_the_evaluated_epochs(data: dict[str, Any]) -> None:
    curves = data["curves"]
    assert curves["epochs"] == [[1, 3]] and len(curves["of"]) == 6
    assert curves["of"][data["first"]] == [0, [1.0, 0.5], [1.5, 1.5], [0.5, 0.5], [0.25, 0.25]]


def test_measures_and_corruptions(data: dict[str, Any]) -> None:
    assert len(column(data["tables"]["measures"], "short")) == 6
    corruptions = data["corruptions"]
    assert corruptions["cells"] == [["fog", 1], ["fog", 2]] and len(corruptions["of"]) == 6
    assert [[0.75, 0.75], [None, None], [1.5, 1.5]] in corruptions["of"].values()
    assert any(values[1] == [-0.25, -0.25] for values in corruptions["of"].values())


def test_rounding_is_to_significant_digits() -> None:
    values = pd.Series([123456.0, 0.000123456, -1.00004, 0.0, np.nan])
    assert rounded(values, 4).tolist()[:4] == [123500.0, 0.0001235, -1.0, 0.0] and np.isnan(rounded(values, 4)[4])


def test_the_command(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    output = results / "sub" / "r.html"
    monkeypatch.setattr("sys.argv", ["report", f"results_dir={results}", f"output={output}", "bits=32", "title=T"])
    main()
    assert re.fullmatch(rf"{output}: 4 runs, \d\.\d MB\n", capsys.readouterr().out)
    assert f"by: python -m sweep.report results_dir={results} output={output} bits=32 title=T" in output.read_text()
    monkeypatch.setattr("sys.argv", ["report", f"results_dir={results}", "bit=2"])
    with pytest.raises(ConfigError, match="did you mean bits"):
        main()
