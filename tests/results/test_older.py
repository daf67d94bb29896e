"""A results directory of an older version opens, resumes and extends; how it was made: older/README.md."""

import json
import tarfile
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest
import torch

from sweep import accept_code, best, distort, failures, measure, run, status
from sweep.config.run import RUN_FIELDS, make_run
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.results.paths import ResultsDir
from sweep.results.plans import read_plan
from sweep.results.rows import STORES, curves_store, rows_store, stored
from sweep.tables import __main__ as tables
from sweep.training.plain import train
from sweep.training.progress import TrainOptions
from tests.inline import run_inline

ARCHIVE = Path(__file__).parent / "older" / "results.tar.xz"
GRID = ["-m", "dataset=digits", "base_width=1", "width=2", "depth=2", "train_subset=200", "test_subset=100"]
GRID += ["optimizer=sgd", "weight_decay=0", "lr=0.1", "workers=1"]
FIRST = [*GRID, "epochs=3", "bits=2,32"]
BITS = [*GRID, "epochs=3", "bits=2,4,8,32"]
SEEDS = [*GRID, "epochs=3", "bits=6", "seed=0,1,2,3"]
MEASURE = ["-m", "bits=2", "measure.noise_samples=2", "measure.restarts=1", "measure.ascent_steps=2"]
MEASURE += ["measure.curvature_images=50", "measure.linf_iterations=1", "measure.landscape_points=3", "workers=1"]
DISTORT = ["-m", "bits=2", "corruption=contrast", "severity=3", "workers=1"]
CODE = "61984ce79c90af83f084c1421b631be9946cf71b3738e9346a837be009f25612"
SWEEPS = ("0c6a4456991d", "a6a16056d8ff", "8a2d69b8d021")
RUN_IDS = {  # by bits and seed
    (2, 0): "38e242d63b496a9730ba1fd6f1734d062a925a538e3de97cdda71c1c75c01a1b",
    (4, 0): "0fedbc627dc468c3d9ee209dca25079c2cdb443a3c8b93a9c37ca398a86eecb7",
    (6, 0): "d1e3e6e898d05851fdac5679a2f2ec7ce54b1d80ebcc819592ad9c28133a872e",
    (6, 1): "e58fe9e2c551afe57a92734420717855b285b78b3f6db470fc9cb46117319260",
    (8, 0): "78ba0856ab28e4e1d79c8eda4b93f41550b779c70d058d20ae76d3fdd4099b6d",
    (32, 0): "75307a2f047329d72c021d991c2e58a25094db9030a808542f4cbba7e38080e2",
}
BEGUN = "a81a7b0816ef9ad3709920569fc8c1c749092187a00fe4962f5694875f85abae"  # bits=6 seed=2, in its first epoch
FIVE_EPOCHS = "ba75be72a31d73bf9d780a84fc0bab42063c8d9f9c2d0054df4fcfc771ac1a1a"


@pytest.fixture
def older(tmp_path: Path) -> Path:
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "results"


@pytest.fixture
def said(older: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`said(command, ...)` is what a command that reads the directory prints."""

    def command(module: ModuleType, *arguments: str) -> str:
        monkeypatch.setattr("sys.argv", [module.__name__, f"results_dir={older}", *arguments])
        module.main()
        return capsys.readouterr().out

    return command


@pytest.fixture
def sweep(older: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """`sweep(command, ...)` is what a command that plans and works prints."""

    def command(module: ModuleType, *arguments: str) -> str:
        run_inline(module, monkeypatch, *arguments, f"results_dir={older}")
        return capsys.readouterr().out

    return command


def rows(results_dir: Path) -> pd.DataFrame:
    return rows_store(results_dir).read().to_pandas().set_index("run_id").sort_index()


def assert_kept(before: pd.DataFrame, after: pd.DataFrame) -> None:
    """Every value of these rows; a column without a hole has another dtype than one with."""
    kept = after.loc[before.index, before.columns]
    pd.testing.assert_frame_equal(kept, before, check_dtype=False, check_exact=True)


def test_run_ids_are_those_of_today(older: Path) -> None:
    stored = rows_store(older).read().to_pylist()
    assert {(row["bits"], row["seed"]): row["run_id"] for row in stored} == RUN_IDS
    assert [make_run({name: row[name] for name in RUN_FIELDS}).run_id for row in stored] == [
        row["run_id"] for row in stored
    ]


def test_status_and_failures_open_it(said: Callable[..., str]) -> None:
    sweeps = {each["sweep"]: each for each in json.loads(said(status, "format=json"))["sweeps"]}
    states = {name: {state: n for state, n in sweeps[name]["runs"].items() if n} for name in SWEEPS}
    assert states == {
        "0c6a4456991d": {"planned": 4, "finished": 3, "failed": 1},
        "a6a16056d8ff": {"planned": 4, "finished": 2, "waiting": 2},
        "8a2d69b8d021": {"planned": 1, "waiting": 1},
    }
    told = said(failures, "sweep=0c6a4456991d")
    assert "1 x RuntimeError: no such luck" in told and RUN_IDS[8, 0][:12] in told


def test_tables_and_best_open_it(said: Callable[..., str]) -> None:
    gaps = pd.read_csv(StringIO(said(tables, "sweep=0c6a4456991d", "format=csv"))).set_index("bits")
    assert gaps["gap"].dropna().to_dict() == pytest.approx(
        {32: 0.011188354492187802, 4: 0.009481811523437855, 2: 0.017252044677734446}, rel=1e-12
    )
    assert gaps["failed"].to_dict() == {32: 0, 8: 1, 4: 0, 2: 0}
    bounds = pd.read_csv(StringIO(said(tables, "table=3", "format=csv"))).query("n == 1").set_index("form")
    assert bounds["pacbayes_init"].to_dict() == pytest.approx(
        {"raw": 0.27299985829846984, "folded": 0.27486977987293776}, rel=1e-12
    )
    (corrupted,) = pd.read_csv(StringIO(said(tables, "table=4", "format=csv"))).query("n == 1").to_dict("records")
    assert (corrupted["corruption"], corrupted["severity"], corrupted["acc"]) == ("contrast", 3, 0.07)
    shown = said(best, "sweep=0c6a4456991d", "n=1")
    assert RUN_IDS[4, 0][:12] in shown and "1 of 3 finished runs: minimize test_loss" in shown


@pytest.mark.parametrize(("command", "arguments"), [(run, FIRST), (measure, MEASURE), (distort, DISTORT)])
def test_the_same_command_finds_its_work_made_by_other_code(
    command: ModuleType, arguments: list[str], sweep: Callable[..., str], older: Path
) -> None:
    before = rows(older)
    told = sweep(command, *arguments)
    assert "nothing to do: every run has its row" in told
    assert "by other code; kept as they are unless you say rerun=stale" in told
    pd.testing.assert_frame_equal(rows(older), before)


def test_accepted_code_makes_its_work_done(said: Callable[..., str], sweep: Callable[..., str], older: Path) -> None:
    codes = {row["code"] for kind in STORES for row in stored(older, ("code",), kind)}
    assert CODE in codes and len(codes) == 3
    for code in codes:
        assert "as if by today's code" in said(accept_code, f"code={code}", "confirm=true")
    for command, arguments in ((run, FIRST), (measure, MEASURE), (distort, DISTORT)):
        told = sweep(command, *arguments, "rerun=stale")
        assert "nothing to do: every run has its row" in told


def test_an_added_value_and_what_failed_are_trained_and_the_rest_is_kept(
    sweep: Callable[..., str], older: Path
) -> None:
    before = rows(older)
    told = sweep(run, *[argument.replace("bits=2,4,8,32", "bits=2,3,4,8,32") for argument in BITS])
    assert "2 of 2 runs done, 0 failed" in told
    after = rows(older)
    kept = before.index.drop(RUN_IDS[8, 0])
    assert_kept(before.loc[kept], after)
    assert len(after) == len(before) + 1 and after.loc[RUN_IDS[8, 0], ["status", "attempt"]].tolist() == ["finished", 2]
    curves = curves_store(older).read().to_pandas()
    assert curves.groupby("run_id")["epoch"].agg(list).to_dict() == {
        run_id: [1, 2, 3] for run_id in after.index[after["status"] == "finished"]
    }


def test_an_interrupted_sweep_goes_on(sweep: Callable[..., str], older: Path) -> None:
    """Its checkpoint was made by other code, so this run starts over; two rows stay, two more come."""
    before = rows(older)
    assert "2 of 2 runs done, 0 failed" in sweep(run, *SEEDS)
    assert len(list((older / "checkpoints").glob(f"{BEGUN}.aside-*"))) == 1
    after = rows(older)
    assert len(after.query("bits == 6 and status == 'finished'")) == 4
    assert_kept(before, after)


def test_a_checkpoint_resumes(older: Path, digit_arrays: ImageArrays) -> None:
    """By the code that it names, as a user may accept today's to be; the curve begins as it was stored."""
    path = older / "checkpoints" / f"{FIVE_EPOCHS}.pt"
    stored = torch.load(path, weights_only=True)["progress"]["curve"]
    (asked,) = read_plan(ResultsDir(older).sweep("8a2d69b8d021").plan).to_pylist()
    wanted = make_run({name: asked[name] for name in RUN_FIELDS})
    assert wanted.run_id == FIVE_EPOCHS
    cpu = torch.device("cpu")
    result = train(wanted, ImageData(digit_arrays, wanted, cpu), cpu, TrainOptions(code=CODE, checkpoint=path))
    assert path.exists() and [record.columns() for record in result.curve[:5]] == stored
    assert [record.epoch for record in result.curve] == [*range(1, 41)]
