"""Checkpoints: what lies on disk, that only one of the run's own structure is resumed, and that nothing is lost."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.plain import train
from sweep.training.progress import Interrupted, TrainOptions
from tests.conftest import StopAfter, tiny_run
from tests.training.rows import row_of

CPU = torch.device("cpu")
RUN = tiny_run(bits=2, optimizer="adam", lr=0.001, momentum=0.0)
PARTS = {"code", "model", "optimizer", "scaler", "updates", "progress", "loss_sum", "clamped", "best_weights"}
RECORD = {"epoch", "lr", "batch_loss", "train_loss", "train_acc", "test_loss", "test_acc", "test_top5"}


@pytest.fixture(scope="module")
def state(digit_arrays: ImageArrays, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a checkpoint of `RUN` holds after one epoch and a step, of runs that keep their weights."""
    folder, calls = tmp_path_factory.mktemp("checkpoint"), iter(range(5))
    options = TrainOptions("test", folder / "c", weights=folder / "w.pt", stop=lambda: next(calls) == 4)
    with pytest.raises(Interrupted):
        train(RUN, ImageData(digit_arrays, RUN, CPU), CPU, options)
    held: dict[str, Any] = torch.load(folder / "c", weights_only=True)
    return held


def test_the_format_is_that_of_every_version(state: dict[str, Any]) -> None:
    assert state.keys() == PARTS and state["code"] == "test"
    assert state["progress"].keys() == {"epoch", "step", "seconds", "diverged", "curve"}
    assert (state["progress"]["epoch"], state["progress"]["step"]) == (1, 1)
    assert [record.keys() for record in state["progress"]["curve"]] == [RECORD]
    assert {frozenset(kept) for kept in state["optimizer"].values()} == {frozenset({"step", "exp_avg", "exp_avg_sq"})}
    assert state["best_weights"].keys() == state["model"].keys()


Change = Callable[[dict[str, Any]], object]
NAME = "features.0.0.bias"
CHANGES: dict[str, tuple[Change, str]] = {
    "a part is missing": (lambda s: s.pop("scaler"), "/scaler is None, needed empty"),
    "a part is new": (lambda s: s.update(extra=1), r"/extra is int, needed None"),
    "a tensor is missing": (lambda s: s["model"].pop(NAME), rf"/model/{NAME} is None, needed torch.float32 \(4,\)"),
    "another shape": (lambda s: s["model"].update({NAME: torch.zeros(3)}), r"torch.float32 \(3,\), needed"),
    "another dtype": (lambda s: s.update(clamped=torch.zeros(())), r"/clamped is torch.float32 \(\), needed"),
    "no tensor": (lambda s: s.update(loss_sum=1.0), r"/loss_sum is float, needed torch.float64 \(\)"),
    "other best weights": (lambda s: s["best_weights"].pop(NAME), r"/best_weights/.* is None, needed"),
    "another moment": (lambda s: s["optimizer"][0].update(exp_avg=torch.zeros(1, 2)), "/optimizer/0/exp_avg is"),
    "a parameter too many": (lambda s: s["optimizer"].update({99: s["optimizer"][0]}), "IndexError"),
    "progress without a step": (lambda s: s["progress"].pop("step"), "/progress/step is None, needed int"),
    "a record without a loss": (lambda s: s["progress"]["curve"][0].pop("test_acc"), "KeyError.*test_acc"),
    "a record with more": (lambda s: s["progress"]["curve"][0].update(more=1), "/progress/curve/0/more is int"),
    "no mapping": (lambda s: s.update(progress=3), "TypeError"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_one_of_another_structure_is_set_aside(
    name: str, state: dict[str, Any], digit_arrays: ImageArrays, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    change, reason = CHANGES[name]
    path = tmp_path / "run.pt"
    torch.save(state, path)
    held = torch.load(path, weights_only=True)
    change(held)
    torch.save(held, path)
    steps: list[int] = []
    options = TrainOptions("test", path, stop=lambda: bool(steps.append(1)) or len(steps) == 12)
    with pytest.raises(Interrupted):
        train(RUN, ImageData(digit_arrays, RUN, CPU), CPU, options)
    assert len(list(tmp_path.glob("run.aside-*"))) == 1
    said = capsys.readouterr().out
    assert "was of another structure" in said and "the run starts over" in said
    assert re.search(reason, said), said


def test_a_run_that_is_interrupted_as_it_diverges_ends_as_one_that_is_not(
    digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    run = tiny_run(lr=1e30, bits=32, epochs=5)
    data = ImageData(digit_arrays, run, CPU)
    steps: list[int] = []
    whole = train(run, data, CPU, TrainOptions("test", stop=lambda: bool(steps.append(1))))
    assert whole.status == "diverged" and 1 < len(steps) < 4
    with pytest.raises(Interrupted):
        train(run, data, CPU, TrainOptions("test", tmp_path / "c", stop=stop_after(len(steps))))
    resumed = train(run, data, CPU, TrainOptions("test", tmp_path / "c"))
    assert repr(row_of(resumed)) == repr(row_of(whole))  # NaN is not equal to itself
