"""The plain engine: what it computes, and that nothing but the science config decides it."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.training.evaluate import evaluate
from sweep.training.files import save_tensors
from sweep.training.plain import train
from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.result import CleanEvaluation, EpochRecord, best_record
from sweep.training.state import initial_model
from tests.conftest import StopAfter, tiny_run
from tests.training.rows import row_of

CPU = torch.device("cpu")


def data_of(run: RunConfig, arrays: ImageArrays) -> ImageData:
    return ImageData(arrays, run, CPU)


def trained(run: RunConfig, arrays: ImageArrays, **options: Any) -> dict[str, Any]:
    return row_of(train(run, data_of(run, arrays), CPU, TrainOptions(code="test", **options)))


@pytest.mark.parametrize("bits", [2, 32])
def test_it_learns(bits: int, digit_arrays: ImageArrays) -> None:
    result = trained(tiny_run(bits=bits, train_subset=0, test_subset=0, width=16, epochs=10), digit_arrays)
    assert result["train_loss"] < 0.8 < math.log(10)
    assert result["test_acc"] > 0.8
    assert result["gap"] == result["test_loss"] - result["train_loss"]
    assert not result["at_chance"]


@pytest.mark.parametrize("calls", [1, 3, 4, 7, 12])  # in the first epoch, at its end, later, at the very end
@pytest.mark.parametrize(
    "changes",
    [{}, {"optimizer": "adam", "lr": 0.001, "momentum": 0.0}, {"precision": "bf16", "bits": 2}, {"precision": "fp16"}],
)
def test_interrupted_and_resumed_equals_uninterrupted(
    calls: int, changes: dict[str, object], digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    run = tiny_run(augmentation="crop_flip", **changes)
    whole = trained(run, digit_arrays, weights=tmp_path / "whole.pt")
    checkpoint = tmp_path / "run.pt"
    with pytest.raises(Interrupted):
        trained(run, digit_arrays, checkpoint=checkpoint, weights=tmp_path / "r.pt", stop=stop_after(calls))
    resumed = trained(run, digit_arrays, checkpoint=checkpoint, weights=tmp_path / "resumed.pt")
    assert resumed == whole
    weights = [torch.load(tmp_path / name, weights_only=True) for name in ("whole.pt", "resumed.pt")]
    for kept in ("initial", "best"):
        assert all(torch.equal(weights[0][kept][k], weights[1][kept][k]) for k in weights[0][kept])


def test_evaluated_epochs_are_reported_those_of_a_checkpoint_again(
    digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    run = tiny_run(epochs=4, eval_every_epochs=2, eval_every_epochs_late=2, milestones=[])
    checkpoint = tmp_path / "run.pt"
    reports: list[EpochRecord] = []
    with pytest.raises(Interrupted):
        trained(run, digit_arrays, checkpoint=checkpoint, stop=stop_after(14), on_evaluation=reports.append)
    assert [report.epoch for report in reports] == [2]
    result = trained(run, digit_arrays, checkpoint=checkpoint, on_evaluation=reports.append)
    assert [report.epoch for report in reports] == [2, 2, 4]
    assert reports[0] == reports[1]
    assert reports[2].columns() == result["curve"][3] and result["curve"][3]["test_loss"] == result["last_test_loss"]


def test_a_checkpoint_that_is_due_changes_nothing(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    run = tiny_run()
    often = trained(run, digit_arrays, checkpoint=tmp_path / "run.pt", checkpoint_seconds=0)
    assert (tmp_path / "run.pt").exists()
    assert often == trained(run, digit_arrays)


@pytest.mark.parametrize("damage", [b"not a checkpoint", b""])
def test_a_damaged_checkpoint_is_set_aside(damage: bytes, digit_arrays: ImageArrays, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    checkpoint.write_bytes(damage)
    run = tiny_run(epochs=1)
    assert trained(run, digit_arrays, checkpoint=checkpoint) == trained(run, digit_arrays)
    assert [path.read_bytes() for path in tmp_path.glob("run.aside-*")] == [damage]


def test_a_checkpoint_of_other_code_is_not_resumed(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    checkpoint = tmp_path / "run.pt"
    save_tensors(checkpoint, {"code": "another"})
    run = tiny_run(epochs=1)
    assert trained(run, digit_arrays, checkpoint=checkpoint) == trained(run, digit_arrays)
    assert len(list(tmp_path.glob("run.aside-*"))) == 1


def test_seeds_differ_and_repeat(digit_arrays: ImageArrays) -> None:
    first, again, other = (trained(tiny_run(seed=seed), digit_arrays) for seed in (0, 0, 1))
    assert first == again
    assert first["train_loss"] != other["train_loss"]


def test_training_leaves_torchs_global_generator_alone(digit_arrays: ImageArrays) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    trained(tiny_run(epochs=1), digit_arrays)
    assert torch.equal(torch.rand(3), expected)


def test_one_full_precision_step_equals_the_textbook(digit_arrays: ImageArrays) -> None:
    """SGD with momentum and weight decay on the first batch, by hand with torch.func-free autograd."""
    run = tiny_run(bits=32, epochs=1, batch_size=200, milestones=[])
    data = data_of(run, digit_arrays)
    model = initial_model(run, data)
    logits = model(data.normalize(data.train.images))  # all images are one batch: order does not matter
    loss = F.cross_entropy(logits, data.train.labels)
    loss.backward()
    with torch.no_grad():
        for p in model.parameters():
            assert p.grad is not None
            p -= run.lr * (p.grad + run.weight_decay * p)
    expected = evaluate(model, data, data.train, "fp32")
    result = trained(run, digit_arrays)
    assert result["curve"][0]["batch_loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert result["train_loss"] == pytest.approx(expected.loss, rel=1e-4)


def test_divergence_ends_the_run_at_once(digit_arrays: ImageArrays) -> None:
    result = trained(tiny_run(lr=1e30, bits=32, epochs=5), digit_arrays)
    assert result["status"] == "diverged"
    assert result["epochs_trained"] < 5
    assert result["train_loss"] is None and result["gap"] is None
    assert len(result["curve"]) <= 1 + result["epochs_trained"]


def test_a_run_that_learns_nothing_is_finished_and_flagged(digit_arrays: ImageArrays) -> None:
    result = trained(tiny_run(lr=1e-12, weight_decay=0.0, epochs=2), digit_arrays)
    assert result["status"] == "finished"
    assert result["at_chance"]


def test_lowest_training_loss_is_reported_not_the_last(digit_arrays: ImageArrays) -> None:
    result = trained(tiny_run(lr=0.5, epochs=8, milestones=[]), digit_arrays)
    losses = [record["train_loss"] for record in result["curve"]]
    assert result["train_loss"] == min(losses)
    assert result["best_epoch"] == losses.index(min(losses)) + 1
    assert result["last_train_loss"] == losses[-1]


def test_best_record_takes_the_first_of_equals_and_skips_what_was_not_evaluated() -> None:
    losses = (None, 0.5, 0.5, math.nan, math.inf)
    evaluations = [None if loss is None else CleanEvaluation(loss, 0.0, 0.0, 0.0, 0.0) for loss in losses]
    curve = [EpochRecord(epoch, 0.1, 1.0, each) for epoch, each in enumerate(evaluations, 1)]
    assert best_record(curve) is curve[1]
    assert best_record(curve[:1]) is best_record(curve[3:]) is None


def test_kept_weights_reproduce_the_reported_numbers(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    from sweep.quantizers.placement import quantize

    run = tiny_run(bits=2)
    result = trained(run, digit_arrays, weights=tmp_path / "w.pt")
    kept = torch.load(tmp_path / "w.pt", weights_only=True)
    data = data_of(run, digit_arrays)
    model = quantize(initial_model(run, data), run)
    model.load_state_dict(kept["best"])
    assert evaluate(model, data, data.test, "fp32").loss == pytest.approx(result["test_loss"], rel=1e-6)
    fresh = initial_model(run, data).state_dict()
    assert all(torch.equal(kept["initial"][name], fresh[name]) for name in fresh)


def test_evaluation_equals_a_plain_loop_over_images(digit_arrays: ImageArrays) -> None:
    run = tiny_run(test_subset=0)
    data = data_of(run, digit_arrays)
    model = initial_model(run, data).eval()
    losses, right = [], 0
    with torch.no_grad():
        for i in range(len(data.test)):
            logits = model(data.normalize(data.test.images[i : i + 1]))[0].double()
            losses.append((torch.logsumexp(logits, 0) - logits[data.test.labels[i]]).item())
            right += int(logits.argmax() == data.test.labels[i])
    result = evaluate(model, data, data.test, "fp32")
    assert result.loss == pytest.approx(sum(losses) / len(losses), rel=1e-6)
    assert result.acc == right / len(losses)


def test_counts(digit_arrays: ImageArrays) -> None:
    result = trained(tiny_run(bits=2), digit_arrays)
    assert (result["train_size"], result["test_size"], result["epochs_trained"]) == (200, 100, 3)
    # conv3x3 1->4, 2 x conv1x1, conv3x3 4->4, 2 x conv1x1, conv1x1 4->10, each with bias and BN; no step sizes
    assert result["parameters"] == (36 + 4 + 8) + 4 * (16 + 4 + 8) + (144 + 4 + 8) + (40 + 10 + 20)
