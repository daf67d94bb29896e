"""Both engines on a GPU, where there is one: captured steps, compiled operations, predicted memory."""

from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.array.memory import predicted_bytes
from sweep.training.engines import train_runs
from sweep.training.graph import Replayed
from sweep.training.progress import TrainOptions
from tests.conftest import StopAfter, tiny_run
from tests.training.array.colours import FACTS, colour_arrays, colour_runs
from tests.training.array.members import as_plain, members
from tests.training.rows import row_of
from tests.training.updates.sharpness_aware import RULES

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU that PyTorch can use"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # the compiler's own
]


def on_gpu(
    engine: str, runs: list[RunConfig], arrays: ImageArrays, options: list[TrainOptions], kernels: str = "torch"
) -> list[Any]:
    device = torch.device("cuda")
    ended = dict(train_runs(engine, runs, ImageData(arrays, runs[0], device), device, options, kernels))
    return [result and row_of(result) for result in (ended[index] for index in range(len(runs)))]


@pytest.mark.parametrize("engine", ["plain", "array"])
def test_the_gpu_equals_the_cpu_in_float64(engine: str, digit_arrays: ImageArrays) -> None:
    """Over six epochs, the first eager and the others from a graph, with two steps of the schedule."""
    runs = members(8)
    for run, found in zip(runs, on_gpu(engine, runs, digit_arrays, [TrainOptions("test")] * 8), strict=True):
        expected = as_plain(run, digit_arrays)
        for one, other in zip(found["curve"], expected["curve"], strict=True):
            assert one["batch_loss"] == pytest.approx(other["batch_loss"], rel=1e-9)
            assert one["test_loss"] == pytest.approx(other["test_loss"], rel=1e-9)


@pytest.mark.parametrize("name", RULES)
def test_captured_steps_of_every_rule_equal_the_cpu_in_float64(name: str, digit_arrays: ImageArrays) -> None:
    """Eight steps and more of each kind, so that both kinds of efficient training are captured."""
    run = tiny_run(**RULES[name] | {"precision": "fp64", "epochs": 12})
    (found,) = on_gpu("plain", [run], digit_arrays, [TrainOptions("test")])
    expected = as_plain(run, digit_arrays)
    for one, other in zip(found["curve"], expected["curve"], strict=True):
        assert one["batch_loss"] == pytest.approx(other["batch_loss"], rel=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_every_rule_trains_in_fp16(name: str, digit_arrays: ImageArrays) -> None:
    run = tiny_run(**RULES[name] | {"precision": "fp16", "epochs": 12, "lr": 0.05})
    (result,) = on_gpu("plain", [run], digit_arrays, [TrainOptions("test")])
    losses = [record["batch_loss"] for record in result["curve"]]
    assert result["status"] == "finished" and losses[-1] < losses[0]


@pytest.mark.parametrize(("engine", "kernels"), [("plain", "torch"), ("array", "torch"), ("array", "triton")])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_every_precision_trains(engine: str, kernels: str, precision: str, digit_arrays: ImageArrays) -> None:
    runs = members(4, precision=precision, base_width=16, epochs=8, train_subset=0)
    for result in on_gpu(engine, runs, digit_arrays, [TrainOptions("test")] * 4, kernels):
        losses = [record["batch_loss"] for record in result["curve"]]
        assert result["status"] == "finished" and losses[-1] < losses[0]


def test_members_on_triton_kernels_do_not_depend_on_their_array(digit_arrays: ImageArrays) -> None:
    runs = members(8, precision="bf16", base_width=16)
    whole = on_gpu("array", runs, digit_arrays, [TrainOptions("test")] * 8, "triton")
    for order in ([3], [5, 2, 3]):
        part = on_gpu("array", [runs[i] for i in order], digit_arrays, [TrainOptions("test")] * len(order), "triton")
        for index, result in zip(order, part, strict=True):
            assert [r["batch_loss"] for r in result["curve"]] == [r["batch_loss"] for r in whole[index]["curve"]]


def test_nothing_is_captured_again_when_the_schedule_steps(
    digit_arrays: ImageArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    captures = []
    capture = Replayed._capture
    monkeypatch.setattr(Replayed, "_capture", lambda self: captures.append(self) or capture(self))
    on_gpu("array", members(2, epochs=9), digit_arrays, [TrainOptions("test")] * 2)
    assert len(captures) == len(set(captures)) == 4  # whole and last batch; the training and the test set


def test_interrupted_and_resumed_equals_uninterrupted(
    digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    runs = members(1)
    (whole,) = on_gpu("array", runs, digit_arrays, [TrainOptions("test")])
    assert on_gpu("array", runs, digit_arrays, [TrainOptions("test", tmp_path / "c", stop=stop_after(10))]) == [None]
    (resumed,) = on_gpu("array", runs, digit_arrays, [TrainOptions("test", tmp_path / "c")])
    assert resumed["last_train_loss"] == pytest.approx(whole["last_train_loss"], rel=1e-9)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_predicted_peak_memory_is_right_to_20_percent(precision: str) -> None:
    runs = colour_runs(8, width=8, base_width=25, batch_size=96, precision=precision, epochs=5)
    torch.cuda.empty_cache()
    free = torch.cuda.mem_get_info()[0]
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_reserved()
    on_gpu("array", runs, colour_arrays(), [TrainOptions("test")] * 8)
    taken = torch.cuda.max_memory_reserved() - before
    assert taken < free
    assert predicted_bytes(runs[0], FACTS, 8, compiled=True) == pytest.approx(taken, rel=0.2)
