"""The command as a user types it, over real training."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from launchers.local import LocalLauncher
from sweep import PROJECT
from sweep import run as run_command
from sweep.worker import snapshot
from tests.commands.in_process import refusal
from tests.faulty import FAULTY, failing
from tests.inline import run_inline
from tests.sweeps import CIRCUMSTANCES, SMALL, run, start, worker_pids
from tests.waiting import is_alive, wait_until

SEARCH = ["-m", "hydra/sweeper=optuna", *SMALL, "optimizer=sgd", "weight_decay=0", "workers=2"]
SPACE = ["lr=tag(log,interval(0.001,0.3))", "bits=choice(2,4,8)"]


def search(results_dir: Path, *arguments: str, **options: Any) -> str:
    """What the command prints."""
    done = run(*SEARCH, *arguments, f"results_dir={results_dir}", **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def asked(results_dir: Path) -> list[str]:
    """Run ids of all trials, in order."""
    return facts(results_dir, "asked")


def facts(results_dir: Path, event: str) -> list[str]:
    lines = [line for path in results_dir.glob("sweeps/*/trials.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["run_id"] for line in lines if json.loads(line)["event"] == event]


def events(results_dir: Path, event: str) -> list[str]:
    """Run ids of the journals' events of one kind."""
    lines = [line for path in results_dir.glob("sweeps/*/journal/*.jsonl") for line in path.read_text().splitlines()]
    return [json.loads(line)["task_id"] for line in lines if json.loads(line)["event"] == event]


def results(results_dir: Path) -> pd.DataFrame:
    table = pd.read_parquet(results_dir / "rows").drop(columns=CIRCUMSTANCES)
    return table.sort_values("run_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def four_trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    results_dir = tmp_path_factory.mktemp("four") / "r"
    output = search(results_dir, *SPACE, "n_trials=4")
    assert "0 of 4 trials asked, 4 to train at most" in output
    assert "4 trials (4 complete) of 4 runs" in output
    return results_dir


def test_config_groups_that_depend_on_another_axis_are_searched(tmp_path: Path) -> None:
    dependent = "+grid.axes.quantizer={by:bits,2:[lsq,lsq_plus],otherwise:[dorefa]}"
    output = search(tmp_path / "r", "grid=demo", dependent, "bits=2,4", "lr=0.1", "n_trials=4", "epochs=1")
    assert "quantizer[bits=2]: lsq, lsq_plus" in output
    rows = pd.read_parquet(tmp_path / "r" / "rows")
    found = set(rows[["bits", "quantizer"]].itertuples(index=False, name=None))
    assert found and found <= {(2, "lsq"), (2, "lsq_plus"), (4, "dorefa")}


def test_the_parts_of_a_grid_are_searched(tmp_path: Path) -> None:
    parts = "+grid.parts=[{quantizer:[lsq],bits:[2,4]},{quantizer:[dorefa],bits:[8],lr:[0.3,0.2]}]"
    given = ("grid=demo", parts, "sampler=random", "epochs=1", "lr_decay=steps")
    output = search(tmp_path / "r", *given, "n_trials=6")
    assert "part 1: bits: 2, 4" in output and "part 2: lr: 0.3, 0.2" in output
    rows = pd.read_parquet(tmp_path / "r" / "rows")
    found = set(rows[["quantizer", "bits", "lr"]].itertuples(index=False, name=None))
    lsq = {("lsq", bits, lr) for bits in (2, 4) for lr in (0.1, 0.05, 0.01)}
    assert found <= lsq | {("dorefa", 8, 0.3), ("dorefa", 8, 0.2)}
    assert {quantizer for quantizer, _, _ in found} == {"lsq", "dorefa"}
    shown = search(tmp_path / "r", *given, "bits=32", "n_trials=1", "dry_run=true")
    assert "bits" not in shown, "the command line replaces an axis of every part"


def test_n_trials_counts_over_restarts(four_trials: Path) -> None:
    first = asked(four_trials)
    assert len(first) == 4 and set(first) == set(results(four_trials)["run_id"])
    table = results(four_trials)
    assert table["lr"].between(0.001, 0.3).all() and table["bits"].isin([2, 4, 8]).all()
    assert not events(four_trials, "epoch")  # nobody asked for them
    output = search(four_trials, *SPACE, "n_trials=4")
    assert "runs done" not in output and asked(four_trials) == first
    assert "runs done" not in search(four_trials, *SPACE, "n_trials=2")
    search(four_trials, *SPACE, "n_trials=6")
    assert asked(four_trials)[:4] == first and len(asked(four_trials)) == 6
    assert sorted(events(four_trials, "started")) == sorted(set(asked(four_trials)))
    command = [sys.executable, "-m", "sweep.best", f"results_dir={four_trials}", "n=1"]
    done = subprocess.run(command, capture_output=True, text=True)
    best = results(four_trials).sort_values("test_loss")["run_id"].iloc[0]
    assert best[:12] in done.stdout, done.stderr


def test_a_killed_search_ends_as_an_uninterrupted_one(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    longer = [*SPACE, "n_trials=4", "epochs=30", "checkpoint_seconds=0.1", "sampler.n_startup_trials=2"]
    arguments = [*SEARCH, *longer, f"results_dir={killed}"]
    for batches in (1, 2):  # killed in the first and in the second batch
        process = start(*arguments)
        wait_until(lambda n=batches: len(events(killed, "started")) > 2 * n - 2, 60, "a run of the batch to start")
        process.kill()
        process.communicate(timeout=60)
        wait_until(lambda: not any(map(is_alive, worker_pids(killed))), 20, "the workers to end")
    search(killed, *longer)
    search(whole, *longer)
    assert asked(killed) == asked(whole) and len(set(asked(whole))) == 4
    finished = events(killed, "finished")
    assert sorted(finished) == sorted(asked(whole))  # each once
    pd.testing.assert_frame_equal(results(killed), results(whole))


def test_pruned_runs_stop_early_and_a_grid_finishes_them(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    values = ["epochs=800", "eval_every_epochs=1", "milestones=[]", "lr=1e-9,0.1", "bits=8", "depth=1"]
    # This seed draws the good learning rate first, and the other one after it.
    options = ["sampler=random", "sampler.seed=3", "pruner=median", "pruner.n_startup_trials=1", "n_trials=8"]
    output = search(results_dir, *values, *options, "workers=1")
    (pruned,) = set(facts(results_dir, "pruned"))
    assert events(results_dir, "pruned") == [pruned] and pruned[:12] not in output
    (row,) = results(results_dir).to_dict("records")
    assert row["lr"] == 0.1 and row["run_id"] != pruned
    assert [path.stem for path in (results_dir / "checkpoints").iterdir()] == [pruned]
    epochs = events(results_dir, "epoch")
    assert epochs.count(row["run_id"]) == 800 and 0 < epochs.count(pruned) < 800
    (plan,) = results_dir.glob("sweeps/*/plan.parquet")
    assert pd.read_parquet(plan)["run_id"].tolist() == [row["run_id"]]
    assert "runs done" not in search(results_dir, *values, *options, "workers=1")
    grid = run(*(a for a in SEARCH if a != "hydra/sweeper=optuna"), *values, f"results_dir={results_dir}")
    assert "1 of 1 runs done" in grid.stdout, grid.stdout + grid.stderr
    assert not list((results_dir / "checkpoints").iterdir())
    output = search(results_dir, *values, *options, "workers=1")
    assert "8 trials (8 complete) of 2 runs" in output and "runs done" not in output


def test_grid_rows_are_not_trained_again_and_seed_a_search(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    grid = run(
        *(a for a in SEARCH if a != "hydra/sweeper=optuna"), "lr=0.1,0.01", "bits=2,8", f"results_dir={results_dir}"
    )
    assert "4 of 4 runs done" in grid.stdout, grid.stdout + grid.stderr
    output = search(results_dir, "lr=0.1,0.01", "bits=2,8", "n_trials=3")
    assert "3 trials (3 complete)" in output and "runs done" not in output
    both = ["objectives=[minimize test_loss,minimize gap]", "sampler=nsgaii", "n_trials=2"]
    output = search(results_dir, "lr=interval(0.01,0.2)", "bits=2,8,32", "seed_from_rows=true", *both)
    assert "2 trials (2 complete) of 2 runs, 4 seeds, " in output and "on the Pareto front" in output
    assert "seeds" not in search(results_dir, "lr=interval(0.01,0.05)", "bits=8,32", *both, "dry_run=true")


def test_workers_of_every_batch_import_one_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the code is edited between the batches: here its copies would be of nothing."""
    projects = []
    launch_tasks = LocalLauncher.launch_tasks

    def recorded(launcher: LocalLauncher, tasks: Any, settings: Any, sweep_dir: Any, project: Path, *more: Any) -> Any:
        projects.append(project)
        monkeypatch.setattr(snapshot, "PACKAGES", ())
        return launch_tasks(launcher, tasks, settings, sweep_dir, project, *more)

    monkeypatch.setattr(LocalLauncher, "launch_tasks", recorded)
    arguments = (*SEARCH, *SPACE, "n_trials=4", "epochs=1", "snapshot=true", f"results_dir={tmp_path}")
    run_inline(run_command, monkeypatch, *arguments)
    assert len(projects) > 1
    assert {*projects} == {*tmp_path.glob("sweeps/*/code/*")} and (projects[0] / "sweep").is_dir()


FAILS = failing({"no such luck": {"bits": 8}})


def test_failed_runs_are_tried_again_by_the_next_command(tmp_path: Path) -> None:
    results_dir = tmp_path / "r"
    arguments = [*SEARCH, FAULTY, "lr=0.1,0.01", "bits=8", "n_trials=2", "sampler.seed=1", f"results_dir={results_dir}"]
    done = run(*arguments, env=FAILS)
    assert done.returncode == 1 and "2 trials (2 fail)" in done.stdout
    assert "x RuntimeError: no such luck" in done.stdout
    done = run(*arguments, env=failing({}))
    assert done.returncode == 0 and "2 trials (2 complete)" in done.stdout
    assert (results(results_dir)["status"] == "finished").all()


def test_an_error_that_all_runs_share_stops_the_search(tmp_path: Path) -> None:
    arguments = [*SPACE[:1], FAULTY, "bits=8", "n_trials=40", "stop_after_same_error=3"]
    done = run(*SEARCH, *arguments, f"results_dir={tmp_path / 'r'}", env=FAILS)
    assert done.returncode == 1
    assert "the first 4 runs all failed with: RuntimeError: no such luck" in done.stderr
    assert len(asked(tmp_path / "r")) == 4


def test_a_dry_run_starts_nothing_and_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')")
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{PROJECT}"}
    output = search(tmp_path / "r", *SPACE, "n_trials=7", "dry_run=true", env=environment)
    assert "lr: 0.001 to 0.3, logarithmic" in output and "bits: 2, 4, 8" in output
    assert "0 of 7 trials asked, 7 to train at most: about" in output
    assert not (tmp_path / "r").exists()


def test_a_grid_imports_no_optuna() -> None:
    script = "import sys, sweep.run; sys.exit('optuna' in sys.modules or 'torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=PROJECT).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["n_trials=0"], "n_trials=0: allowed is a whole number from 1 up"),
        (["n_trial=3"], "n_trial=3: there is no such key"),
        (["sampler=tpee"], "sampler=tpee: allowed are tpe, random, gp, nsgaii, cmaes; did you mean tpe?"),
        (
            ["sampler.n_startup=3"],
            "there is no such key; did you mean sampler.n_startup_trials? Of sampler=tpe: sampler.n_startup_trials, ",
        ),
        (["objectives=[minimize loss]"], "objective 'minimize loss': `minimize COLUMN`"),
        (["pruner=median", "objectives=[minimize gap,minimize test_loss]"], "pruning needs one objective"),
        (["pruner=halving", "pruner.reduction_factor=1"], "pruner=halving, pruner.reduction_factor=1"),
        (["bits=interval(2,8)"], "bits does not take every number of an interval"),
        (["lr=tag(log,interval(0,1))"], "a logarithmic interval starts above 0"),
        (["workers=1,2"], "workers is a setting of the whole sweep"),
        (["batch_size=64,199"], "batch_size=199: the last batch of 200 training images would hold one image"),
        (["optimizer=adam", "momentum=interval(0,0.9)"], "momentum=0.9 with optimizer=adam"),
        (["hydra/launcher=basic"], "allowed are local, slurm"),
        (["wait=false"], "wait=false: local workers end with their launcher"),
    ],
)
def test_mistakes_are_named_before_anything_is_trained(arguments: list[str], message: str, tmp_path: Path) -> None:
    launcher = [] if "hydra/launcher=basic" in arguments else ["hydra/launcher=local"]
    said = refusal("run", *SEARCH, *arguments, *launcher, f"results_dir={tmp_path / 'r'}")
    assert message in said and "Traceback" not in said
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "n_trials=3"], "n_trials belongs to an adaptive search: -m hydra/sweeper=optuna"),
        (["-m", "sampler.seed=3"], "sampler.seed belongs to an adaptive search"),
        (["hydra/sweeper=optuna", "n_trials=3"], "hydra/sweeper=optuna needs -m"),
    ],
)
def test_keys_of_a_search_are_refused_elsewhere(arguments: list[str], message: str) -> None:
    said = refusal("run", *arguments, "hydra/launcher=local")
    assert message in said and "Traceback" not in said


def test_a_refusal_is_one_message_and_a_status(tmp_path: Path) -> None:
    done = run(*SEARCH, "sampler=tpee", f"results_dir={tmp_path / 'r'}")
    assert done.returncode == 1 and "sampler=tpee: allowed are tpe, random" in done.stderr and not done.stdout
    assert "Traceback" not in done.stderr
