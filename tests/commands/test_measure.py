"""`sweep.measure` as a user types it: what it selects, refuses and writes, and what it does when things go wrong."""

import dataclasses
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from sweep.commands.execute import describe_all
from sweep.commands.measuring import check_latent, measurable
from sweep.commands.observe import find_sweeps
from sweep.commands.trained import finished_runs, with_kept_weights
from sweep.config.checks import ConfigError
from sweep.config.measuring import MeasureConfig
from sweep.config.settings import Settings
from sweep.failures import describe as describe_failures
from sweep.measure import COMMAND
from sweep.plan.measurements import Measured, make_measure_plan
from sweep.plan.measuring_cost import operations_s
from sweep.results.rows import measure_config_of, measures_store, rows_store
from sweep.results.select import Selection, make_selection
from sweep.status import describe as describe_status
from tests.commands.in_process import refusal
from tests.commands.measurements import FAST, command, measure, measured
from tests.conftest import DIGITS, tiny_run
from tests.rows_of import row_of
from tests.sweeps import SMALL, run, worker_pids
from tests.todays_code import today
from tests.waiting import wait_until

LONG = [*FAST, "measure.landscape_points=21", "measure.curvature_images=0"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run at 2 and one at 32 bits with their weights, one at 4 bits without, and one of each that diverged."""
    results_dir = tmp_path_factory.mktemp("trained") / "r"
    sweep = ["-m", *SMALL, "optimizer=sgd", "weight_decay=0", "bits=2,4,32", "lr=0.1,1e30", "keep_weights=true"]
    assert run(*sweep, f"results_dir={results_dir}").returncode == 0
    rows = pd.read_parquet(results_dir / "rows").query("bits == 4")
    for run_id in rows["run_id"]:
        (results_dir / "weights" / f"{run_id}.pt").unlink(missing_ok=True)
    return results_dir


@pytest.fixture
def results(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "r", symlinks=True)
    return tmp_path / "r"


@pytest.fixture(scope="module")
def first(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """What one command measured, and what it said."""
    results_dir = tmp_path_factory.mktemp("first") / "r"
    shutil.copytree(trained, results_dir, symlinks=True)
    done = measure("bits=2,32", f"results_dir={results_dir}", *FAST)
    assert done.returncode == 0, done.stdout + done.stderr
    return results_dir, done.stdout


def test_finished_runs_are_measured_and_the_others_named(first: tuple[Path, str]) -> None:
    results_dir, said = first
    rows = pd.read_parquet(results_dir / "rows").set_index("run_id")
    table = pd.read_parquet(results_dir / "measures")
    assert "2 of 2 runs done" in said and "cost from operations for 2 runs" in said
    diverged = sorted(rows.index[(rows["status"] == "diverged") & (rows["bits"] != 4)])
    assert "left out: 2 runs (" in said and all(run_id[:12] in said for run_id in diverged)
    assert set(rows.loc[table["run_id"], "status"]) == {"finished"} and len(table) == table["task_id"].nunique() == 2
    assert (table["status"] == "finished").all() and (table["raw_l2_norm"] > 0).all()
    assert (table["raw_train_acc"].to_numpy() == rows.loc[table["run_id"], "train_acc"].to_numpy()).all()
    (config,) = {measure_config_of(row) for row in table.to_dict("records")}
    assert config == MeasureConfig(
        noise_samples=2, restarts=1, ascent_steps=2, ascent_images=50, search_steps=4, hessian_iterations=3,
        linf_iterations=1, linf_dimensions=3, curvature_images=50, regularizer_images=10,
    )  # fmt: skip
    assert set(table["measure_id"]) == {config.options_id}
    recorded = ["code", "torch_version", "device", "cpu_capability", "host", "seconds", "started_at"]
    assert not table[recorded].isna().any(axis=None)
    plans = {path: set(pd.read_parquet(path)["task_id"]) for path in results_dir.glob("sweeps/*/plan.parquet")}
    (plan,) = [path for path, ids in plans.items() if ids == set(table["task_id"])]
    (sweep,) = find_sweeps(results_dir, plan.parent.name)
    assert "finished" in describe_status(sweep) and (sweep.runs()["status"] == "finished").all()


def test_the_same_again_measures_nothing_and_other_settings_add_rows(first: tuple[Path, str], tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    shutil.copytree(first[0], results_dir, symlinks=True)
    again = measure("bits=2,32", f"results_dir={results_dir}", *FAST)
    assert again.returncode == 0 and "nothing to do: every run has its row" in again.stdout
    more = measure("bits=2", f"results_dir={results_dir}", *FAST, "measure.seed=0,1,2")
    assert more.returncode == 0 and "2 of 2 runs done" in more.stdout and "cost from rows for 3 runs" in more.stdout
    table = measured(results_dir)
    assert len(table) == 4 and sorted(table["measure_seed"]) == [0, 0, 1, 2]
    before = measured(first[0])
    pd.testing.assert_frame_equal(table[table["task_id"].isin(before["task_id"])].reset_index(drop=True), before)


def test_rows_of_other_code_are_stale(first: tuple[Path, str], tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    shutil.copytree(first[0], results_dir, symlinks=True)
    store = measures_store(results_dir)
    row = store.read().to_pylist()[0]
    store.write(row["task_id"], [row | {"code": "older", "attempt": 2, "raw_l2_norm": -1.0}])
    arguments = ("bits=2,32", f"results_dir={results_dir}", *FAST)
    assert "stale: measured by other code" in measure(*arguments, "dry_run=true").stdout
    assert "1 of 1 runs done" in measure(*arguments, "rerun=stale").stdout
    pd.testing.assert_frame_equal(measured(results_dir), measured(first[0]))


def test_a_killed_worker_does_not_end_it(results: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    shutil.copytree(results, whole, symlinks=True)
    arguments = ["bits=2,32", "workers=1", *LONG]
    before = worker_pids(results)
    going = subprocess.Popen(command(*arguments, f"results_dir={results}"), stdout=subprocess.PIPE, text=True)
    wait_until(lambda: worker_pids(results) - before, 60, "a measurement to start")
    for pid in worker_pids(results) - before:
        os.kill(pid, signal.SIGKILL)
    output, _ = going.communicate(timeout=120)
    assert going.returncode == 0 and "a worker ended at run" in output and "2 of 2 runs done" in output, output
    assert measure(*arguments, f"results_dir={whole}").returncode == 0
    pd.testing.assert_frame_equal(measured(results), measured(whole))


def test_ctrl_c_stops_within_a_measurement_and_the_same_command_goes_on(results: Path) -> None:
    arguments = ["bits=2,32", f"results_dir={results}", *LONG, "measure.landscape_points=401"]
    before = worker_pids(results)
    going = subprocess.Popen(command(*arguments), stdout=subprocess.PIPE, text=True)
    wait_until(lambda: worker_pids(results) - before, 60, "a measurement to start")
    going.send_signal(signal.SIGINT)
    output, _ = going.communicate(timeout=30)
    assert going.returncode == 130 and "The same command goes on" in output
    assert not any(Path(f"/proc/{pid}").exists() for pid in worker_pids(results))
    assert not (results / "measures").exists()


def test_weights_that_cannot_be_read_make_a_failed_row_that_is_tried_again(results: Path) -> None:
    rows = pd.read_parquet(results / "rows").query("status == 'finished'").set_index("bits")
    weights = results / "weights" / f"{rows.loc[2, 'run_id']}.pt"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    arguments = ("bits=2,32", f"results_dir={results}", *FAST)
    done = measure(*arguments)
    assert done.returncode == 1 and f"in the column `error` of {results}/measures" in done.stdout
    failed = pd.read_parquet(results / "measures").set_index("status")
    assert failed.loc["failed", "run_id"] == rows.loc[2, "run_id"] and "Traceback" in failed.loc["failed", "error"]
    said = "\n".join(describe_failures(sweep) for sweep in find_sweeps(results, ""))
    assert "1 of 2 runs failed" in said and rows.loc[2, "run_id"][:12] in said
    weights.write_bytes(whole)
    assert "1 of 1 runs done" in measure(*arguments).stdout
    assert (measured(results)["status"] == "finished").all()


@pytest.mark.parametrize(
    ("select", "message"),
    [
        ({"run_id": "0123"}, "run_id=0123: no runs have it"),
        ({"run_id": ""}, "run_id=: 6 runs have it"),
        ({"bits": "16"}, "bits=16: no run has it; there are 2, 4, 32"),
        ({"lr": "1e30"}, "none of the 3 selected runs has finished"),
        ({"sweep": "abc"}, "sweep=abc: no such sweep"),
    ],
)
def test_selections_of_nothing(select: dict[str, str], message: str, trained: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        finished_runs(trained, make_selection(select))


def test_runs_by_value_and_by_shortened_id(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert {run.bits for run in finished_runs(trained, make_selection({"bits": "2,4"}))} == {2, 4}
    assert capsys.readouterr().out.count("left out: 2 runs (") == 1
    (run,) = finished_runs(trained, make_selection({"bits": "32", "lr": "0.10"}))
    assert finished_runs(trained, make_selection({"run_id": run.run_id[:12]})) == [run]


def test_runs_that_the_measures_are_not_defined_for_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those with attention whose projections are one tensor."""
    known, other = tiny_run(quantizer="dorefa", act_bits=32), tiny_run(model="deit_t")
    rows_store(tmp_path).write(other.run_id, [row_of(other)])
    with pytest.raises(ConfigError, match="measured are networks without fused attention"):
        measurable(finished_runs(tmp_path, Selection()), [MeasureConfig()])
    rows_store(tmp_path).write(known.run_id, [row_of(known)])
    assert measurable(finished_runs(tmp_path, Selection()), [MeasureConfig()]) == [known]
    assert "left out: 1 run (" in capsys.readouterr().out


def test_decoded_images_are_measured_where_it_is_said_how_many() -> None:
    decoded = dataclasses.replace(tiny_run(), augmentation="file_crop_flip")
    with pytest.raises(ConfigError, match=r"are measured in memory: give measure.train_images=100000"):
        measurable([decoded], [MeasureConfig(train_images=5), MeasureConfig()])
    assert measurable([decoded], [MeasureConfig(train_images=5)]) == [decoded]


def test_latent_weights_need_step_sizes_to_be_quantized_anew() -> None:
    check_latent([tiny_run(), tiny_run(bits=32), tiny_run(quantizer="noise_tempering", tempering_c=0.1)])
    with pytest.raises(ConfigError, match=r"measure.centre=latent with 1 run .*: only weights with step sizes"):
        check_latent([tiny_run(), tiny_run(quantizer="dorefa")])


def test_runs_without_weights_are_named(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, points = (
        Settings(results_dir=str(trained)),
        [(run, DIGITS) for run in finished_runs(trained, Selection())],
    )
    facts = describe_all([DIGITS])
    without = next(run for run, _ in points if run.bits == 4)
    plan = make_measure_plan(points, [MeasureConfig()], facts, [], today, "cpu")
    assert {p.run.bits for p in with_kept_weights(plan, settings).runs} == {2, 32}
    assert f"left out: 1 run ({without.run_id[:12]}) kept no weights in" in capsys.readouterr().out
    plan = make_measure_plan([(without, DIGITS)], [MeasureConfig()], facts, [], today, "cpu")
    with pytest.raises(ConfigError, match=r"kept no weights in .*: train with keep_weights=true"):
        with_kept_weights(plan, settings)


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("bitz=2", "bitz=2: there is no such key; did you mean bits?"),
        ("measure.restart=2", "did you mean measure.restarts?"),
        ("engine=array", "engine=array: there is no such key"),
    ],
)
def test_misspelt_keys(argument: str, message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        COMMAND.for_hydra([argument])


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("measure.threshold=loss", "threshold=loss: allowed are drop, error"),
        ("measure.precision=tf32", "measure.precision=tf32: a CPU has no such arithmetic"),
        ("workers=1,2", "workers=1,2: one value is needed; only measure.* settings can be axes"),
        ("data_source=parquet_images", "dataset_name=digits is the name of another data set"),
    ],
)
def test_mistakes_are_named_before_anything_is_measured(argument: str, message: str, trained: Path) -> None:
    said = refusal("measure", argument, "hydra/launcher=local", f"results_dir={trained}")
    assert message in said and "Traceback" not in said, said
    assert not (trained / "measures").exists()


def test_a_refusal_is_one_message_and_a_status(trained: Path) -> None:
    done = measure("measure.threshold=loss", f"results_dir={trained}")
    assert done.returncode == 1 and "threshold=loss: allowed are drop, error" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_cost_by_operations_and_by_stored_measurements() -> None:
    """A measurement that took twice what its operations alone would says that others will too."""
    run, config, more = tiny_run(), MeasureConfig(), MeasureConfig(restarts=20)
    facts = describe_all([DIGITS])
    row = {"task_id": "t", "status": "finished", "code": "", "device": "cpu"}
    row["seconds"] = 2 * operations_s(config, facts["digits"], run, "cpu")
    alone = operations_s(more, facts["digits"], run, "cpu")
    for seen, cost in (([], ("operations", alone)), ([Measured(run, config, row)], ("rows", 2 * alone))):
        (planned,) = make_measure_plan([(run, DIGITS)], [more], facts, seen, today, "cpu").runs
        assert (planned.cost_from, planned.expected_s) == (cost[0], pytest.approx(cost[1]))
    assert 2 * alone > row["seconds"]
