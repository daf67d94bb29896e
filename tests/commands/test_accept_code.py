"""Rows of older code are listed, accepted as of today's on the user's word, and stale again after an edit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sweep.accept_code import main
from sweep.commands.fingerprints import rows_by_code
from sweep.commands.todays_code import code_of_work, todays_code
from sweep.config.checks import ConfigError
from sweep.config.distorting import Distortion
from sweep.config.measuring import MeasureConfig
from sweep.config.run import DataSource, RunConfig
from sweep.config.work import Kind
from sweep.plan.code import Code
from sweep.plan.plan import State, state_of
from sweep.plan.sources import installed_text
from sweep.results.accepted import accepted_code
from sweep.results.paths import ResultsDir
from sweep.results.rows import OPTION_COLUMNS, distortions_store, measures_store, options_of, rows_store, stored
from tests.conftest import DIGITS, tiny_run
from tests.distorted_row_of import distorted_row_of
from tests.measure_row_of import measure_row_of
from tests.rows_of import row_of

LSQ, DOREFA, OTHER = tiny_run(), tiny_run(quantizer="dorefa"), tiny_run(seed=1)
OLD, OLDER = "old0" * 16, "older" * 12
FOG = Distortion("fog", 3, 0, "generated")


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two runs of old code and one of older code; the first was measured and evaluated by old code too."""
    failed = tiny_run(seed=2)
    for run, code in ((LSQ, OLD), (DOREFA, OLD), (OTHER, OLDER)):
        rows_store(tmp_path).write(run.run_id, [row_of(run, code=code)])
    rows_store(tmp_path).write(failed.run_id, [row_of(failed, code="never", status="failed")])
    measure_row, distort_row = measure_row_of(LSQ, code=OLD), distorted_row_of(LSQ, FOG, 1.0, 0.5, code=OLD)
    measures_store(tmp_path).write(measure_row["task_id"], [measure_row])
    distortions_store(tmp_path).write(distort_row["task_id"], [distort_row])
    return tmp_path


@pytest.fixture
def told(results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    def command(*arguments: str) -> str:
        monkeypatch.setattr("sys.argv", ["accept_code", f"results_dir={results}", *arguments])
        main()
        return capsys.readouterr().out

    return command


def rows_of(results: Path, kind: Kind) -> dict[str, dict[str, Any]]:
    """By run id."""
    columns = ("run_id", "status", "code", *OPTION_COLUMNS[kind])
    return {row["run_id"]: row for row in stored(results, columns, kind)}


def code_today(results: Path, kind: Kind, run: RunConfig, source: DataSource = DIGITS) -> Code:
    """The code that would decide the numbers of such a row today."""
    return code_of_work(kind, results)(run, source, options_of(kind, rows_of(results, kind).get(run.run_id, {})))


def states(results: Path, kind: Kind) -> dict[RunConfig, State]:
    """What a plan says of every run that has such a row."""
    rows = rows_of(results, kind)
    return {
        run: state_of(rows[run.run_id], code_today(results, kind, run))
        for run in (LSQ, DOREFA, OTHER)
        if run.run_id in rows
    }


def test_rows_without_an_engine_are_of_the_plain_one(tmp_path: Path) -> None:
    """As rows of before the column are."""
    for run, engine in ((LSQ, None), (OTHER, "array")):
        rows_store(tmp_path).write(run.run_id, [row_of(run, engine=engine)])
    code = code_of_work("measure", tmp_path)
    today = todays_code("measure", tmp_path, [])
    assert code(LSQ, DIGITS, None) == today.of(LSQ, DIGITS, "plain") != today.of(LSQ, DIGITS, "array")
    assert code(OTHER, DIGITS, None) == today.of(OTHER, DIGITS, "array")


def lines(listing: str) -> list[list[str]]:
    """The cells of a table as the terminal has it."""
    return [[cell.strip() for cell in line.strip("│").split("│")] for line in listing.splitlines() if "│" in line]


def edit(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    texts = {module: f"{installed_text(module)}\nEDITED = 1\n"}
    monkeypatch.setattr("sweep.plan.code.installed_text", lambda name: texts.get(name) or installed_text(name))


def test_old_code_is_accepted_for_the_runs_that_have_it(results: Path, told: Callable[..., str]) -> None:
    assert states(results, "train") == {LSQ: "stale", DOREFA: "stale", OTHER: "stale"}
    shown = told("code=old0", "confirm=true", "reason=only messages changed")
    assert f"2 rows trained by {OLD[:12]}, of 2 runs" in shown and LSQ.run_id[:12] in shown
    assert states(results, "train") == {LSQ: "done", DOREFA: "done", OTHER: "stale"}
    assert states(results, "measure") == {LSQ: "done"} and states(results, "distort") == {LSQ: "done"}


def test_an_edit_makes_what_it_hits_stale_again(
    results: Path, told: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told("code=old0", "confirm=true")
    edit(monkeypatch, "sweep.quantizers.dorefa.quantizer")
    assert states(results, "train") == {LSQ: "done", DOREFA: "stale", OTHER: "stale"}
    told("code=old0", "confirm=true")
    assert states(results, "train") == {LSQ: "done", DOREFA: "done", OTHER: "stale"}
    edit(monkeypatch, "sweep.measures.measurement")
    assert states(results, "measure") == {LSQ: "stale"} and states(results, "distort") == {LSQ: "done"}


def test_nothing_is_written_unless_it_is_confirmed(results: Path, told: Callable[..., str]) -> None:
    before = sorted(results.rglob("*"))
    shown = told("code=old0")
    assert f"python -m sweep.accept_code results_dir={results} code=old0 confirm=true" in shown
    told("code=old0", "confirm=false")
    told()
    assert sorted(results.rglob("*")) == before and states(results, "train")[LSQ] == "stale"


def test_what_is_recorded(results: Path, told: Callable[..., str]) -> None:
    told("code=old0", "confirm=true", "reason=only messages changed")
    recorded = [json.loads(line) for line in ResultsDir(results).accepted_code.read_text().splitlines()]
    assert [(line["kind"], line["old"], line["rows"]) for line in recorded] == [
        ("train", OLD, 2), ("measure", OLD, 1), ("distort", OLD, 1)
    ]  # fmt: skip
    assert recorded[0]["new"] == sorted(code_today(results, "train", run).fingerprint for run in (LSQ, DOREFA))
    for line in recorded:
        assert line["reason"] == "only messages changed" and "@" in line["by"] and line["at"].endswith("+00:00")
    assert "nothing to accept" in told("code=old0", "confirm=true")
    assert len(ResultsDir(results).accepted_code.read_text().splitlines()) == 3


def test_acceptances_are_of_one_kind_of_work(results: Path, told: Callable[..., str]) -> None:
    told("code=old0", "confirm=true")
    for kind in ("measure", "distort"):
        assert accepted_code(results, kind) == {(OLD, code_today(results, kind, LSQ).fingerprint)}


def test_the_engine_that_trained_a_run_is_part_of_its_code(results: Path, told: Callable[..., str]) -> None:
    rows_store(results).write(OTHER.run_id, [row_of(OTHER, code=OLDER, engine="array")])
    told("code=older", "confirm=true")
    code = todays_code("train", results, []).of
    assert accepted_code(results, "train") == {(OLDER, code(OTHER, DIGITS, "array").fingerprint)}
    assert not code(OTHER, DIGITS, "plain").made(OLDER)


def test_the_list_counts_what_is_todays_accepted_and_stale(results: Path, told: Callable[..., str]) -> None:
    fresh, todays = tiny_run(seed=3), code_today(results, "train", OTHER).fingerprint
    rows_store(results).write(fresh.run_id, [row_of(fresh, code=todays)])
    told("code=old0", "confirm=true")
    assert sorted(lines(told())) == sorted([
        [OLD[:12], "trained", "2", "0", "2", "0"],
        [OLDER[:12], "trained", "1", "0", "0", "1"],
        [todays[:12], "trained", "1", "1", "0", "0"],
        [OLD[:12], "measured", "1", "0", "1", "0"],
        [OLD[:12], "evaluated", "1", "0", "1", "0"],
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["code=abc"], f"code=abc: no row has code that begins so; there are {OLD[:12]}, {OLDER[:12]}"),
        (["code=never"], "code=never: no row has code that begins so"),
        (["code=old"], "code=old: several codes begin so; there are"),
        (["confirm=true"], "confirm=true: give code, the fingerprint of the older code"),
        (["code=old0", "confirm=yes"], "confirm=yes: allowed are true, false"),
    ],
)
def test_refusals(arguments: list[str], message: str, results: Path, told: Callable[..., str]) -> None:
    with pytest.raises(ConfigError, match=message):
        told(*arguments)
    assert not ResultsDir(results).accepted_code.exists()


def test_rows_of_measures_that_are_not_known_here_are_left_out(
    results: Path, told: Callable[..., str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Their code is not all there to be fingerprinted."""
    before = told()
    theirs = measure_row_of(LSQ, MeasureConfig(measures="norms+my_package.my_measure"), code=OLD)
    measures_store(results).write(theirs["task_id"], [theirs])
    found = rows_by_code(results, "")
    assert capsys.readouterr().err == (
        "left out: 1 rows of parts that are not known here (1 of measure=my_package.my_measure): install the package, "
        "or name it in QSWEEP_PARTS\n"
    )
    assert sum(len(each.rows) for each in found if each.kind == "measure") == 1 and told() == before


def test_images_of_the_users_need_their_loader(results: Path, told: Callable[..., str]) -> None:
    own = tiny_run(dataset="my_birds", data_sha256="ab")
    rows_store(results).write(own.run_id, [row_of(own, code="birds")])
    with pytest.raises(ConfigError, match="dataset=my_birds: rows do not say what read images of your own; give data_"):
        told("code=birds")
    told("code=birds", "data_source=parquet_images", "confirm=true")
    source = DataSource("parquet_images", "my_birds", "")
    assert state_of({"status": "finished", "code": "birds"}, code_today(results, "train", own, source)) == "done"
