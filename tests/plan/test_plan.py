"""Plans: states, duplicates, the file, and that planning needs no torch."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from sweep.config.checks import ConfigError
from sweep.config.facts import DataFacts
from sweep.config.run import RUN_FIELDS
from sweep.plan.plan import Plan, make_plan, summarize
from sweep.results.plans import rerun_of
from tests.conftest import DIGITS, tiny_run
from tests.plan.timed_row import row
from tests.todays_code import TODAY, today

FACTS = {"digits": DataFacts(train_size=1442, test_size=355, channels=1, height=8, width=8, classes=10)}


def plan_of(*runs: object, rows: list[dict[str, object]] | None = None) -> Plan:
    return make_plan("study", [(run, DIGITS) for run in runs], FACTS, rows or [], today, "cpu")  # type: ignore[misc]


def stored(seed: int, **changes: object) -> dict[str, object]:
    run = tiny_run(seed=seed)
    return row(run, 1.0) | {"run_id": run.run_id, "code": TODAY.fingerprint} | changes


ROWS = [stored(1), stored(2, status="diverged"), stored(3, status="failed"), stored(4, code="old")]


def test_states_and_what_is_to_do() -> None:
    plan = plan_of(*(tiny_run(seed=seed) for seed in range(5)), rows=ROWS)
    assert [p.state for p in plan.runs] == ["new", "done", "done", "failed", "stale"]
    assert [p.run.seed for p in plan.to_do("missing")] == [0, 3]
    assert [p.run.seed for p in plan.to_do("stale")] == [0, 3, 4]


def test_what_another_sweep_has_in_hand_is_wanted_and_not_to_do(tmp_path: Path) -> None:
    plan = plan_of(*(tiny_run(seed=seed) for seed in range(5)), rows=ROWS)
    own = plan.leaving({plan.runs[3].task_id: "theirs"})
    assert [p.run.seed for p in own.to_do("missing")] == [0]
    assert [p.run.seed for p in own.wanted("missing")] == [0, 3]
    assert own.sweep_id == plan.sweep_id and plan.leaving({}) is plan
    assert "elsewhere" in summarize(own, 1, "missing") and "elsewhere" not in summarize(plan, 1, "missing")
    own.write(tmp_path / "plan.parquet", "stale")
    assert pd.read_parquet(tmp_path / "plan.parquet")["state"].tolist() == ["new", "done", "done", "elsewhere", "stale"]
    assert rerun_of(tmp_path / "plan.parquet") == "stale"


def test_duplicate_points_run_once() -> None:
    plan = plan_of(tiny_run(seed=1), tiny_run(), tiny_run(seed=1), tiny_run(bits=32), tiny_run(bits=32, first_last="8"))
    assert len(plan.runs) == 3
    assert plan.duplicates == 2
    assert "2 points of the grid are equal to others and run once" in summarize(plan, 1, "missing")


def test_runs_that_cannot_join_an_array_cost_what_the_plain_engine_takes() -> None:
    runs = (tiny_run(), tiny_run(act_bits=8))
    points = [(run, DIGITS) for run in runs]
    in_arrays = make_plan("s", points, FACTS, [], today, "cpu array").runs
    alone = make_plan("s", points, FACTS, [], today, "cpu").runs
    assert in_arrays[0].expected_s != alone[0].expected_s
    assert in_arrays[1].expected_s == alone[1].expected_s


def test_a_sweep_is_named_by_its_runs_not_by_their_order() -> None:
    a, b = tiny_run(), tiny_run(seed=1)
    assert plan_of(a, b).sweep_id == plan_of(b, a).sweep_id != plan_of(a).sweep_id


def test_the_file_has_everything(tmp_path: Path) -> None:
    plan = plan_of(*(tiny_run(seed=seed) for seed in range(5)), rows=ROWS)
    plan.write(tmp_path / "plan.parquet")
    table = pd.read_parquet(tmp_path / "plan.parquet")
    assert list(table.columns) == ["task_id", "run_id", "state", "expected_s", "cost_from", "code", *RUN_FIELDS]
    assert table["run_id"].tolist() == [p.run_id for p in plan.runs]
    assert table["state"].tolist() == ["new", "done", "done", "failed", "stale"]
    assert (table["expected_s"] > 0).all() and set(table["cost_from"]) == {"rows"}


def test_the_summary_adds_up() -> None:
    plan = plan_of(*(tiny_run(seed=seed) for seed in range(5)), tiny_run(bits=2), rows=ROWS)
    lines = [line.replace("│", " ").split() for line in summarize(plan, 2, "missing").splitlines()]
    by_bits = {line[0]: [int(cell) for cell in line[1:6]] for line in lines if line and line[0] in ("2", "4", "all")}
    assert by_bits == {"2": [1, 1, 0, 0, 0], "4": [5, 1, 2, 1, 1], "all": [6, 2, 2, 1, 1]}
    assert "rerun=stale" in summarize(plan, 2, "missing")
    assert "rerun=stale" not in summarize(plan, 2, "stale")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_subset": 1443}, "train_subset=1443: digits has 1442 such images; 0 takes all"),
        ({"test_subset": 356}, "test_subset=356: digits has 355"),
        (
            {"augmentation": "file_crop_flip"},
            r"augmentation=file_crop_flip: it crops image files .*digits has images of one size; allowed are",
        ),
        (
            {"train_subset": 129, "batch_size": 64},
            "batch_size=64: the last batch of 129 training images would hold one",
        ),
    ],
)
def test_what_the_data_set_does_not_have(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of(tiny_run(**changes))


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("vit_s", "model=vit_s takes images of 3 channels; those of digits are 8 x 8 with 1 channels"),
        ("resnet18", "model=resnet18 takes images of 3 channels"),
    ],
)
def test_images_that_a_network_cannot_take(model: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_of(tiny_run(model=model))


def test_what_cannot_join_an_array_is_planned_at_the_plain_engines_cost() -> None:
    points = [(tiny_run(model="resnet20"), DIGITS)]
    plans = [make_plan("study", points, FACTS, [], today, kind) for kind in ("cuda", "cuda array")]
    assert plans[0].runs == plans[1].runs


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_subset": 131, "batch_size": 64},
            "processes_per_run=4: the smallest batch has 3 images, of which",
        ),
        (
            {"rule": "sam", "rho": 0.05},
            "processes_per_run=4 with rule=sam: processes share the gradient",
        ),
        ({"teacher": f"run:{'0' * 64}"}, "processes_per_run=4 with a teacher: take teacher=none"),
        ({"act_bits": 4, "act_grad_scale": "batch"}, "processes_per_run=4 with act_grad_scale=batch: a process knows"),
    ],
)
def test_what_several_processes_cannot_train(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_plan("study", [(tiny_run(**changes), DIGITS)], FACTS, [], today, "cpu", processes=4)


def test_decoded_batches_have_one_new_crop_per_image() -> None:
    facts = {"digits": dataclasses.replace(FACTS["digits"], has_files=True)}
    run = tiny_run(augmentation="file_crop_flip", crops=2, epochs=5)
    with pytest.raises(ConfigError, match=r"augmentation=file_crop_flip with crops=2, crop_pool=0, teacher=none"):
        make_plan("study", [(run, DIGITS)], facts, [], today, "cpu")


def test_several_processes_are_planned_to_be_as_many_times_as_fast() -> None:
    points = [(tiny_run(), DIGITS)]
    alone, together = (make_plan("s", points, FACTS, [], today, "cpu", n).runs[0].expected_s for n in (1, 4))
    assert together == alone / 4


def test_planning_does_not_import_torch(tmp_path: Path) -> None:
    script = f"""
import sys
sys.argv = ["sweep.run", "-m", "hydra/launcher=local", "bits=2,4,8,32", "dry_run=true", "results_dir={tmp_path}"]
import sweep.plan.plan, sweep.run
sweep.run.main()
assert not [name for name in sys.modules if name.split(".")[0] in ("torch", "torchvision")]
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "972" in done.stdout
