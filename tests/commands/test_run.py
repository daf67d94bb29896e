"""The command as a user types it: what it expands to, what it refuses, what it does when things go wrong."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from sweep.results.rows import rows_store
from tests.commands.in_process import planned, refusal
from tests.faulty import FAULTY, failing
from tests.sweeps import ARRAYS, ONE_OPTIMIZER, SMALL, computed, curves, run, start, worker_pids
from tests.waiting import is_alive, wait_until


def test_qgens_grid_is_972_runs(tmp_path: Path) -> None:
    runs = planned(tmp_path, "-m", "bits=2,4,8,32")
    assert len(runs) == runs["run_id"].nunique() == 972
    assert (runs["bits"].value_counts() == 243).all()
    by_optimizer = runs.groupby("optimizer")["lr"].unique().map(sorted).to_dict()
    small = [0.0001, 0.0005, 0.001]
    assert by_optimizer == {"sgd": [0.01, 0.05, 0.1], "adam": small, "rmsprop": small}
    for name, values in {"weight_decay": [0, 1e-4, 2e-4], "width": [8, 10, 12], "depth": [2, 3, 4]}.items():
        assert sorted(runs[name].unique()) == values
    fixed = runs[["dataset", "base_width", "epochs", "batch_size", "augmentation", "seed"]].drop_duplicates()
    assert fixed.to_numpy().tolist() == [["cifar10", 25, 300, 128, "crop_flip", 0]]
    assert [tuple(m) for m in runs["milestones"]] == [(100, 200)] * 972
    assert runs.groupby("optimizer")["momentum"].unique().map(list).to_dict() == {
        "sgd": [0.9], "adam": [0.0], "rmsprop": [0.0]
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "count", "expected"),
    [
        (["dataset=cifar100"], 972, {"depth": [3, 4, 5]}),
        (["bits=4", "lr=0.02", "width=8"], 27, {"lr": [0.02], "width": [8], "bits": [4]}),
        (["bits=4", "optimizer=sgd", "seed=0,1,2"], 243, {"seed": [0, 1, 2], "lr": [0.01, 0.05, 0.1]}),
        (["bits=4", "seed=range(0,4)", "width=8", "lr=0.1", "depth=7"], 36, {"seed": [0, 1, 2, 3], "depth": [7]}),
        (["bits=2,32", "first_last=b,8", *ONE_OPTIMIZER], 27, {"bits": [2, 32]}),  # 2 bits twice, 32 once
        (["grid=demo", "base_width=4", "epochs=10", "batch_size=64"], 36, {"epochs": [10], "batch_size": [64]}),
        (["grid=demo", "dataset=digits,cifar10"], 72, {"dataset": ["cifar10", "digits"]}),
        (["grid=demo", "schedule=constant"], 36, {"lr_gamma": [1.0]}),
        (["grid=demo", "milestones=[2,5]", "bits=4"], 9, {}),
        (["grid=demo", "rule=plain,saq", "bits=4", "saq_case=1,3"], 27, {"saq_case": [0, 1, 3], "tau": [1, 4]}),
        (["grid=demo", "lr=0.1,0.1", "bits=4"], 3, {"lr": [0.1]}),
    ],
)
def test_axes_are_narrowed_replaced_and_extended(
    arguments: list[str], count: int, expected: dict[str, list[object]], tmp_path: Path
) -> None:
    runs = planned(tmp_path, "-m", *arguments)
    assert len(runs) == count
    for name, values in expected.items():
        assert sorted(runs[name].unique()) == values


BY_DATASET = "+grid.axes.model={by:dataset,digits:[nin],otherwise:[resnet20,cifar_resnet18]}"
BY_MODEL = "+grid.axes.quantizer={by:model,nin:[lsq,saq],otherwise:[dorefa]}"
BY_LR = "+grid.axes.quantizer={by:lr,0.1:[lsq],otherwise:[dorefa]}"
BY_BITS = "+grid.axes.quantizer={by:bits,2:[saq],otherwise:[lsq,noise_tempering]}"


@pytest.mark.parametrize(
    ("arguments", "columns", "expected"),
    [
        (
            [BY_DATASET, "dataset=digits,cifar10"],
            ["dataset", "model", "depth"],
            {("digits", "nin", 2), ("cifar10", "resnet20", 1), ("cifar10", "cifar_resnet18", 1)},
        ),
        ([BY_DATASET], ["dataset", "model"], {("cifar10", "resnet20"), ("cifar10", "cifar_resnet18")}),
        ([BY_DATASET, "dataset=digits"], ["dataset", "model"], {("digits", "nin")}),
        (
            [BY_DATASET, "dataset=digits,cifar10", "model=nin"],
            ["dataset", "model"],
            {("digits", "nin"), ("cifar10", "nin")},
        ),
        (
            [BY_MODEL, BY_DATASET.replace(",cifar_resnet18", ""), "dataset=cifar100,digits", "bits=2"],
            ["dataset", "model", "quantizer", "first_last"],
            {("cifar100", "resnet20", "dorefa", "fp"), ("digits", "nin", "lsq", "b"), ("digits", "nin", "saq", "8")},
        ),
        (
            [BY_BITS, "bits=2,4", "act_bits=8"],
            ["bits", "quantizer", "first_last"],
            {(2, "saq", "8"), (4, "lsq", "b"), (4, "noise_tempering", "b")},
        ),
        ([BY_BITS, "bits=2"], ["bits", "quantizer"], {(2, "saq")}),
        (
            [BY_BITS, "+grid.axes.act_bits={by:quantizer,saq:[4],otherwise:[8]}", "model=resnet20,nin",
             "~grid.axes.bits", "+grid.axes.bits={by:model,nin:[2],otherwise:[4]}"],
            ["model", "bits", "quantizer", "act_bits"],
            {("nin", 2, "saq", 4), ("resnet20", 4, "lsq", 8), ("resnet20", 4, "noise_tempering", 8)},
        ),
        (
            ["+grid.axes.epochs={by:schedule,step:[6],otherwise:[5]}", "schedule=step,cosine"],
            ["lr_decay", "epochs"],
            {("steps", 6), ("cosine", 5)},
        ),
        (["+grid.axes.epochs={by:schedule,step:[6]}"], ["lr_decay", "epochs"], {("steps", 6)}),
    ],
)  # fmt: skip
def test_config_groups_depend_on_groups_and_values_and_the_other_way_round(
    arguments: list[str], columns: list[str], expected: set[tuple[object, ...]], tmp_path: Path
) -> None:
    runs = planned(tmp_path, "-m", "grid=demo", "optimizer=sgd", "lr=0.1", *arguments)
    assert set(runs[columns].itertuples(index=False, name=None)) == expected


def test_qregs_table_1_is_planned_in_its_real_form(tmp_path: Path) -> None:
    """Networks go by data sets: 2 data sets x 3 seeds, at 32 bits and with two quantizers at 2, 4 and 8."""
    runs = planned(tmp_path, "-m", "study=qreg_table1")
    networks = set(runs[["dataset", "model", "base_width"]].itertuples(index=False, name=None))
    assert networks == {("cifar10", "resnet20", 1), ("cifar100", "cifar_resnet18", 64)}  # resnet20 reads no base_width
    assert len(runs) == 2 * 3 * (1 + 2 * 3)
    assert (runs["act_bits"] == runs["bits"]).all()


def test_a_single_run_takes_its_optimizers_learning_rate(tmp_path: Path) -> None:
    runs = planned(tmp_path, "bits=8", "optimizer=adam")
    assert runs[["bits", "optimizer", "lr", "momentum"]].to_numpy().tolist() == [[8, "adam", 0.001, 0.0]]


def test_networks_are_swept_with_the_sizes_that_they_read(tmp_path: Path) -> None:
    runs = planned(tmp_path, "-m", "model=resnet20,cifar_resnet18,wide_resnet", "grid=demo", "bits=2", "lr=0.1")
    sizes = runs.groupby("model")[["base_width", "width", "depth"]].agg(set)
    assert sizes.loc["resnet20"].tolist() == [{1}, {1}, {1}]
    assert sizes.loc["cifar_resnet18"].tolist() == [{16}, {1}, {1}]
    assert sizes.loc["wide_resnet"].tolist() == [{1}, {10}, {28}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["study=tempering_table1"], "study=tempering_table1 needs -m: without it one run is trained"),
        (["-m", "study=tempering_table1", "hydra/sweeper=optuna"], "a study is a grid; take one of them"),
        (
            ["-m", "grid=demo", "~grid.axes.lr", "~grid.axes.optimizer", "optimizer=sgd,adam", BY_LR],
            "axis quantizer: its values go by lr, which another config group of the grid sets: make lr an axis, too",
        ),
        (
            ["-m", "grid=demo", "+grid.axes.model={by:dataset,cifar10:[nin]}", "dataset=digits"],
            "axis model: no values for dataset=digits; the grid has them for cifar10. Give model=...",
        ),
        (
            ["-m", "hydra/sweeper=optuna", "grid=demo", BY_LR, "lr=interval(0.1,1)"],
            "axis quantizer: its values go by lr, which is an interval here; give lr=choice(...), or quantizer=...",
        ),
        (["-m", "bitz=2,4"], "bitz=2,4: there is no such key; did you mean bits?"),
        (["weight_decy=0"], "did you mean weight_decay?"),
        (["-m", "bits=1,2"], "bits=1: allowed are 2 to 8"),
        (["bits=1"], "bits=1: allowed are 2 to 8"),
        (["-m", "optimizer=sgd,lion"], "Available options in 'optimizer':"),
        (["optimizer=lion"], "Available options in 'optimizer':"),
        (["-m", "depth=0"], "depth=0: allowed is a whole number from 1 up"),
        (["-m", "lr=interval(0.1,1)"], "lr=interval(0.1,1): a grid needs values"),
        (["-m", "workers=1,2"], "workers is a setting of the whole sweep; give it one value"),
        (["-m", "dataset=parquet_images"], "dataset_name needs a value: give dataset_name=..."),
        (["-m", "dataset=parquet_images", "dataset_name=x", "data_dir=/nowhere"], "no train-*.parquet"),
        (
            ["-m", "dataset=pets", "image_size=200", "model=nin,vit_s", "grid=demo"],
            "model=vit_s takes square images whose side is a multiple of 16; those of pets_200 are 200 x 200",
        ),
        (["-m", "dataset=image_folder", "dataset_name=x"], "image_size needs a value: give image_size=..."),
        (
            ["dataset=imagenet", "model=resnet18", "data_dir=/nowhere"],
            "no folders train/<class> there; dataset=image_folder needs one folder per class in both train and val "
            "(torchvision.datasets.ImageNet makes them",
        ),
        (["-m", "dataset=pets", "image_size=64,128"], "image_size is a setting of the whole sweep"),
        (["-m", "device=cuda", "grid=demo"], "device=cuda: no NVIDIA GPU is visible"),
        (["-m", "hydra/launcher=basic"], "allowed are local, slurm"),
        (["-m", "hydra/sweeper=basic", "bits=2,4"], "use hydra/sweeper=grid"),
        (["bits=2,4"], "-m"),
        (["dataset=digits", "precision=tf32"], "precision=tf32: a CPU has no such arithmetic"),
        (["dataset=digits", "precision=fp8"], "precision=fp8: allowed are fp32, tf32, bf16, fp16, fp64"),
        (["dataset=digits", "kernels=triton"], "kernels=triton: these are for arrays on GPUs"),
        (["dataset=digits", "engine=arrays"], "engine=arrays: allowed are auto, plain, array; did you mean array?"),
        (["bits=4", "dataset=digits", "wait=false"], "wait=false: local workers end with their launcher"),
        (
            ["dataset=digits", "hydra/launcher=slurm", "processes_per_run=2"],
            "processes_per_run=2 with hydra.launcher.gpus_per_task=1: each needs a GPU of its own; say",
        ),
        (["bits=4", "hydra/launcher=slurm", "hydra.launcher.time_min=0"], "hydra.launcher.time_min=0: allowed is"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    launcher = [] if any("hydra/launcher" in argument for argument in arguments) else ["hydra/launcher=local"]
    said = refusal("run", *arguments, *launcher, f"results_dir={tmp_path / 'r'}")
    assert message in said and "Traceback" not in said
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "bitz=2,4"], "error: bitz=2,4: there is no such key; did you mean bits?"),  # before Hydra
        (["-m", "bits=1,2"], "error: bits=1: allowed are 2 to 8"),  # by the sweeper
        (["bits=1"], "error: bits=1: allowed are 2 to 8"),  # by the task
        (["optimizer=lion"], "Available options in 'optimizer':"),  # by Hydra
    ],
)
def test_a_refusal_is_one_message_and_a_status(arguments: list[str], message: str, tmp_path: Path) -> None:
    """Of a process, wherever the command stood."""
    done = run(*arguments, f"results_dir={tmp_path / 'r'}", cwd=tmp_path)
    assert done.returncode == 1 and message in done.stderr and not done.stdout, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_a_dry_run_starts_nothing(tmp_path: Path) -> None:
    done = run("-m", "grid=demo", *SMALL, "dry_run=true", f"results_dir={tmp_path / 'r'}")
    assert done.returncode == 0, done.stderr
    assert "cost from operations for 36 runs" in done.stdout
    assert not (tmp_path / "r").exists()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep of eight runs, one of which diverges."""
    results_dir = tmp_path_factory.mktemp("undisturbed") / "r"
    done = run(*SWEEP, f"results_dir={results_dir}", "keep_weights=true")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "8 of 8 runs done" in done.stdout
    return results_dir


SWEEP = ["-m", *SMALL, "optimizer=sgd", "weight_decay=0", "lr=0.1,1e30", "bits=2,32", "seed=0,1", "workers=2"]


def test_rows_curves_weights_and_plan(undisturbed: Path) -> None:
    table = pd.read_parquet(undisturbed / "rows")
    assert len(table) == table["run_id"].nunique() == 8
    assert table.loc[table["lr"] == 0.1, "status"].tolist() == ["finished"] * 4
    needed = """run_id status dataset model quantizer bits optimizer lr weight_decay width depth seed epochs train_loss
        test_loss train_acc test_acc gap parameters seconds device commit started_at ended_at"""
    finished = table[table["status"] == "finished"]
    assert not finished[needed.split()].isna().any(axis=None)
    assert (table["study"] == "qgen").all() and (table["attempt"] == 1).all()
    assert (table["ended_at"] >= table["started_at"]).all()
    epochs = pd.read_parquet(undisturbed / "curves").groupby("run_id")["epoch"].max()
    assert (epochs[finished["run_id"]] == 3).all()
    assert {path.stem for path in (undisturbed / "weights").iterdir()} >= set(finished["run_id"])
    (stored_plan,) = undisturbed.glob("sweeps/*/plan.parquet")
    assert set(pd.read_parquet(stored_plan)["run_id"]) == set(table["run_id"])
    assert not list(undisturbed.glob("checkpoints/*"))


def test_a_single_run_in_any_directory(tmp_path: Path) -> None:
    done = run("bits=2", *SMALL, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 of 1 runs done" in done.stdout
    (row,) = pd.read_parquet(tmp_path / "results" / "rows").to_dict("records")
    assert (row["status"], row["bits"], row["study"]) == ("finished", 2, "single")
    assert f"run {row['run_id'][:12]}: train loss {row['train_loss']:.3f}" in done.stdout
    tables = [sys.executable, "-m", "sweep.tables", "format=markdown"]
    table = subprocess.run(tables, cwd=tmp_path, capture_output=True, text=True)
    assert table.returncode == 0 and "Int2" in table.stdout


def test_the_same_command_again_trains_nothing(undisturbed: Path) -> None:
    before = (undisturbed / "rows").resolve(), computed(undisturbed)
    done = run(*SWEEP, f"results_dir={undisturbed}")
    assert done.returncode == 0, done.stderr
    assert "nothing to do: every run has its row" in done.stdout
    assert before == ((undisturbed / "rows").resolve(), computed(undisturbed))


def test_a_larger_sweep_trains_only_what_is_missing(undisturbed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "r"
    shutil.copytree(undisturbed, copy, symlinks=True)
    done = run(*[a.replace("seed=0,1", "seed=0,1,2") for a in SWEEP], f"results_dir={copy}")
    assert "4 of 4 runs done" in done.stdout
    assert [row for row in computed(copy) if row["seed"] < 2] == computed(undisturbed)


def test_results_without_a_later_column_are_extended(undisturbed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "r"
    shutil.copytree(undisturbed, copy, symlinks=True)
    for path in (copy / "rows").glob("*.parquet"):
        pq.write_table(pq.read_table(path).drop_columns(["cpu_capability"]), path)
    assert "nothing to do: every run has its row" in run(*SWEEP, f"results_dir={copy}").stdout
    done = run(*[a.replace("seed=0,1", "seed=0,1,2") for a in SWEEP], f"results_dir={copy}")
    assert "4 of 4 runs done" in done.stdout, done.stdout + done.stderr
    rows = rows_store(copy).read().to_pandas()
    assert (rows["cpu_capability"].notna() == (rows["seed"] == 2)).all()


LONG = [argument.replace("epochs=3", "epochs=40") for argument in SWEEP]


@pytest.fixture(scope="module")
def undisturbed_long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results_dir = tmp_path_factory.mktemp("long") / "r"
    assert run(*LONG, f"results_dir={results_dir}").returncode == 0
    return results_dir


def test_a_killed_worker_does_not_end_the_sweep(undisturbed_long: Path, tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = start(*LONG, f"results_dir={results_dir}", "checkpoint_seconds=0.01")
    wait_until(lambda: list((results_dir / "checkpoints").glob("*.pt")), 60, "a checkpoint")
    for pid in worker_pids(results_dir):
        os.kill(pid, signal.SIGKILL)
    output, _ = sweep.communicate(timeout=120)
    assert sweep.returncode == 0, output
    assert ": killed, 1 of at most 3 times; log: " in output and "8 of 8 runs done" in output
    assert computed(results_dir) == computed(undisturbed_long)
    pd.testing.assert_frame_equal(curves(results_dir), curves(undisturbed_long))
    assert pd.read_parquet(results_dir / "rows")["attempt"].max() == 2


def test_ctrl_c_keeps_checkpoints_and_the_same_command_goes_on(undisturbed_long: Path, tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = start(*LONG, f"results_dir={results_dir}")
    wait_until(lambda: worker_pids(results_dir), 60, "a run to start")
    sweep.send_signal(signal.SIGINT)
    output, _ = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "The same command goes on" in output
    assert list((results_dir / "checkpoints").glob("*.pt"))
    assert not any(Path(f"/proc/{pid}").exists() for pid in worker_pids(results_dir))
    done = run(*LONG, f"results_dir={results_dir}")
    assert done.returncode == 0, done.stdout
    assert computed(results_dir) == computed(undisturbed_long)


def test_workers_end_when_their_launcher_is_killed(undisturbed_long: Path, tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = start(*[a.replace("epochs=40", "epochs=4000") for a in LONG], f"results_dir={results_dir}")
    wait_until(lambda: worker_pids(results_dir), 60, "a run to start")
    sweep.kill()
    sweep.communicate(timeout=60)
    wait_until(lambda: not any(map(is_alive, worker_pids(results_dir))), 20, "the workers to end")
    assert list((results_dir / "checkpoints").glob("*.pt"))


FAILS = failing({"no such luck": {"bits": 8}})


def test_a_run_that_raises_is_recorded_and_the_others_are_trained(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = ["-m", *SMALL, *ONE_OPTIMIZER, FAULTY, "bits=2,8,32", "seed=0,1", f"results_dir={results_dir}"]
    done = run(*sweep, env=FAILS)
    assert done.returncode == 1
    assert "2 x RuntimeError: no such luck" in done.stdout
    table = pd.read_parquet(results_dir / "rows").set_index("bits")
    assert len(table) == 6
    assert table.loc[[2, 32], "status"].tolist() == ["finished"] * 4
    assert table.loc[8, "status"].tolist() == ["failed"] * 2
    assert all("in learning_rate\n    raise RuntimeError(" in trace for trace in table.loc[8, "error"])
    again = run(*sweep, env=failing({}))
    assert again.returncode == 0 and "2 of 2 runs done" in again.stdout
    table = pd.read_parquet(results_dir / "rows").set_index("bits")
    assert len(table) == 6 and (table["status"] == "finished").all()
    assert table.loc[8, "attempt"].tolist() == [2, 2]


def test_arrays_from_the_command_line(tmp_path: Path) -> None:
    """Arrays of seven and of one; equal to plain runs, and not trained again by these."""
    arrays, plainly = tmp_path / "r", tmp_path / "plain"
    sweep = [*(argument.replace("1e30", "1e300") for argument in SWEEP), "base_width=8", "precision=fp64"]
    done = run(*sweep, *ARRAYS, "array_size=7", f"results_dir={arrays}", "keep_weights=true")
    assert run(*sweep, f"results_dir={plainly}").returncode == 0
    assert done.returncode == 0 and "on cpu array" in done.stdout, done.stdout + done.stderr
    ours, plain = (pd.read_parquet(each / "rows").set_index("run_id").sort_index() for each in (arrays, plainly))
    assert sorted(ours["array_size"]) == [1, *[7] * 7]
    assert set(ours["engine"]) == {"array"} and set(plain["engine"]) == {"plain"}
    assert (ours["status"] == plain["status"]).all() and (ours["status"] == "diverged").sum() == 4
    finished = ours["status"] == "finished"
    assert ours.loc[finished, "train_loss"].to_numpy() == pytest.approx(plain.loc[finished, "train_loss"], rel=1e-9)
    assert len(list((arrays / "weights").glob("*.pt"))) == 4
    assert "nothing to do" in run(*sweep, f"results_dir={arrays}").stdout


def test_a_killed_array_goes_on_in_halves(tmp_path: Path) -> None:
    results_dir, whole = tmp_path / "r", tmp_path / "whole"
    assert run(*LONG, *ARRAYS, f"results_dir={whole}").returncode == 0
    sweep = start(*LONG, *ARRAYS, f"results_dir={results_dir}", "checkpoint_seconds=0.2", "workers=1")
    wait_until(lambda: len(list((results_dir / "checkpoints").glob("*.pt"))) >= 4, 60, "checkpoints of the array")
    for pid in worker_pids(results_dir):
        os.kill(pid, signal.SIGKILL)
    output, _ = sweep.communicate(timeout=300)
    assert sweep.returncode == 0 and "in halves now" in output, output
    different = ["array_size"]
    one, other = (pd.DataFrame(computed(each)).drop(columns=different) for each in (results_dir, whole))
    pd.testing.assert_frame_equal(one, other)
    pd.testing.assert_frame_equal(curves(results_dir), curves(whole))


def test_an_array_in_which_one_run_raises_trains_the_others(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    sweep = ["-m", *SMALL, *ONE_OPTIMIZER, *ARRAYS, FAULTY, "bits=2,8,32", "seed=0,1"]
    done = run(*sweep, f"results_dir={results_dir}", env=FAILS)
    assert done.returncode == 1
    table = pd.read_parquet(results_dir / "rows").set_index("bits")
    assert table.loc[[2, 32], "status"].tolist() == ["finished"] * 4
    assert table.loc[8, "status"].tolist() == ["failed"] * 2
    assert (table["attempt"] > 1).any()


def test_an_error_that_all_runs_share_stops_the_sweep(tmp_path: Path) -> None:
    sweep = ["-m", *SMALL, *ONE_OPTIMIZER, FAULTY, "bits=8", "seed=range(0,400)", "workers=1"]
    done = run(*sweep, "stop_after_same_error=3", f"results_dir={tmp_path / 'r'}", env=FAILS)
    assert done.returncode == 1
    assert "runs all failed with: RuntimeError: no such luck" in done.stderr
    assert len(rows_store(tmp_path / "r").read()) < 400


def test_stale_rows_are_kept_until_asked(undisturbed: Path, tmp_path: Path) -> None:
    copy = tmp_path / "r"
    shutil.copytree(undisturbed, copy, symlinks=True)
    store = rows_store(copy)
    rows = store.read().to_pylist()
    for row in rows[:3]:
        store.write(row["run_id"], [row | {"code": "older", "attempt": 2}])
    done = run(*SWEEP, f"results_dir={copy}")
    assert "nothing to do" in done.stdout and "stale: trained by other code" in done.stdout
    done = run(*SWEEP, f"results_dir={copy}", "rerun=stale")
    assert "3 of 3 runs done" in done.stdout
    assert computed(copy) == computed(undisturbed)
