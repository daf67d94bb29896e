"""The array engine against the plain one, member by member, and every member alone against itself in an array."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from sweep.data.arrays import ImageArrays
from sweep.training.array.engine import train_array
from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.schedules import learning_rate
from tests.conftest import StopAfter, tiny_run
from tests.training.array.members import (
    ADAM,
    CPU,
    ENGINE,
    SPECS,
    as_array,
    as_plain,
    data_of,
    kept,
    members,
)  # fmt: skip
from tests.training.rows import row_of

LOSSES = ("batch_loss", "train_loss", "test_loss")
EXACT = ("epoch", "lr", "train_acc", "test_acc")


def assert_equal_training(found: dict[str, Any], expected: dict[str, Any], tolerance: float) -> None:
    """Curves to `tolerance`, relative; counts, statuses and chosen epochs exactly."""
    assert len(found["curve"]) == len(expected["curve"])
    for one, other in zip(found["curve"], expected["curve"], strict=True):
        assert [one[name] for name in EXACT] == [other[name] for name in EXACT]
        assert [one[name] for name in LOSSES] == pytest.approx([other[name] for name in LOSSES], rel=tolerance)
    of_curve = {"curve", *ENGINE, *(name for name in expected if name.endswith(("loss", "gap")))}
    assert {k: v for k, v in found.items() if k not in of_curve} == {
        k: v for k, v in expected.items() if k not in of_curve
    }


@pytest.mark.parametrize("count", [1, 4, 8])
def test_an_array_equals_plain_runs_in_float64(count: int, digit_arrays: ImageArrays, tmp_path: Path) -> None:
    """Losses, weights, step sizes and BN statistics to 1e-12, over six epochs with both steps of the schedule."""
    runs = members(count)
    found = as_array(runs, digit_arrays, tmp_path / "array")
    for run, result in zip(runs, found, strict=True):
        expected = as_plain(run, digit_arrays, tmp_path / "plain")
        assert result is not None and result["status"] == "finished"
        rates = [learning_rate(run, epoch) for epoch in range(6)]
        assert len(set(rates)) >= 3 and [record["lr"] for record in result["curve"]] == rates
        assert_equal_training(result, expected, 1e-12)
        assert (result["engine"], result["array_size"]) == ("array", count)
        weights, plain = kept(tmp_path / "array", run), kept(tmp_path / "plain", run)
        assert weights.keys() == plain.keys()
        for name in plain:
            torch.testing.assert_close(weights[name], plain[name], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("precision", ["fp64", "fp32", "tf32", "bf16", "fp16"])
def test_a_member_is_the_same_bit_for_bit_in_any_array(
    precision: str, digit_arrays: ImageArrays, tmp_path: Path
) -> None:
    """Alone, first, last, among few or many."""
    runs = members(8, precision=precision, epochs=2)
    whole = as_array(runs, digit_arrays, tmp_path / "whole")
    for order in ([0], [3], [5, 2], [7, 6, 5, 4, 3, 2, 1, 0]):
        folder = tmp_path / "-".join(map(str, order))
        part = as_array([runs[index] for index in order], digit_arrays, folder)
        for index, result in zip(order, part, strict=True):
            assert result is not None and whole[index] is not None
            assert result | {"array_size": 8} == whole[index]
            ours, theirs = kept(folder, runs[index]), kept(tmp_path / "whole", runs[index])
            assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_a_diverged_member_leaves_the_others_unchanged(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    good = members(4, precision="fp32")
    bad = tiny_run(base_width=5, epochs=6, augmentation="flip", bits=32, lr=1e30)
    alone = as_array(good, digit_arrays, tmp_path / "alone")
    mixed = as_array([good[0], bad, *good[1:]], digit_arrays, tmp_path / "mixed")
    diverged = mixed.pop(1)
    assert diverged is not None and diverged["status"] == "diverged" and diverged["train_loss"] is None
    assert diverged["epochs_trained"] == as_plain(bad, digit_arrays)["epochs_trained"] == 0
    for run, one, other in zip(good, mixed, alone, strict=True):
        assert one is not None and one | {"array_size": 4} == other
        ours, theirs = kept(tmp_path / "mixed", run), kept(tmp_path / "alone", run)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_members_go_on_in_a_smaller_array_when_most_have_diverged(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    good = members(2, precision="fp32")
    bad = [tiny_run(base_width=5, epochs=6, augmentation="flip", bits=32, lr=1e30, seed=seed) for seed in range(3)]
    alone = as_array(good, digit_arrays, tmp_path / "alone")
    mixed = as_array([*bad, *good], digit_arrays, tmp_path / "mixed")
    assert [result and result["status"] for result in mixed] == ["diverged"] * 3 + ["finished"] * 2
    for one, other in zip(mixed[3:], alone, strict=True):
        assert one is not None and one | {"array_size": 2} == other


def test_the_time_of_an_array_is_shared_among_its_members(digit_arrays: ImageArrays) -> None:
    runs = [*members(3, precision="fp32"), tiny_run(base_width=5, epochs=6, augmentation="flip", bits=32, lr=1e30)]
    data = data_of(runs, digit_arrays)
    started = time.monotonic()
    results = dict(train_array(runs, data, CPU, [TrainOptions("test")] * 4))
    seconds = [result.seconds for result in results.values() if result]
    assert 0 < min(seconds) < max(seconds) and len(set(seconds)) == 2  # the diverged one was over before
    assert sum(seconds) <= time.monotonic() - started


@pytest.mark.parametrize("calls", [1, 4, 6, 23])  # of 4 steps an epoch: in the first, at its end, in the second, ...
@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_interrupted_and_resumed_equals_uninterrupted(
    calls: int, precision: str, digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    runs = members(5, precision=precision)
    whole = as_array(runs, digit_arrays, tmp_path / "whole")
    asked = stop_after(calls)  # by the first member; the others stop with it
    answers = [False]

    def ask() -> bool:
        answers[0] = answers[0] or asked()
        return answers[0]

    def train(stops: Sequence[Callable[[], bool]]) -> dict[int, Any]:
        options = [
            TrainOptions("test", tmp_path / f"{i}.ckpt", weights=tmp_path / f"{i}.pt", stop=stop)
            for i, stop in enumerate(stops)
        ]
        return dict(train_array(runs, data_of(runs, digit_arrays), CPU, options))

    assert train([ask, *[lambda: answers[0]] * 4]) == dict.fromkeys(range(5))
    resumed = train([lambda: False] * 5)
    for index, (run, expected) in enumerate(zip(runs, whole, strict=True)):
        result = resumed[index]
        assert result is not None and expected is not None
        assert row_of(result) == expected
        ours = torch.load(tmp_path / f"{index}.pt", weights_only=True)["best"]
        theirs = kept(tmp_path / "whole", run)
        assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_one_member_that_is_stopped_leaves_the_others_unchanged(
    digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    """And goes on later, alone, to the same numbers; by either engine."""
    runs = members(4)
    whole = as_array(runs, digit_arrays)
    data, checkpoint = data_of(runs, digit_arrays), tmp_path / "2.ckpt"
    options = [TrainOptions("test") for _ in runs]
    options[2] = TrainOptions("test", checkpoint, stop=stop_after(7))
    ended = list(train_array(runs, data, CPU, options))
    assert ended[0] == (2, None)
    for index, result in ended[1:]:
        assert result is not None and row_of(result)["curve"] == whole[index]["curve"]  # type: ignore[index]
    saved = checkpoint.read_bytes()
    (alone,) = as_array([runs[2]], digit_arrays, checkpoint=checkpoint)
    assert alone is not None and alone | {"array_size": 4} == whole[2]
    checkpoint.write_bytes(saved)
    plain = as_plain(runs[2], digit_arrays, checkpoint=checkpoint)
    assert_equal_training(plain, alone, 1e-12)


@pytest.mark.parametrize("spec", SPECS[:5])
def test_an_array_goes_on_from_a_plain_runs_checkpoint(
    spec: dict[str, Any], digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    run = tiny_run(base_width=5, epochs=4, precision="fp64", **spec)
    expected = as_plain(run, digit_arrays)
    with pytest.raises(Interrupted):
        as_plain(run, digit_arrays, checkpoint=tmp_path / "c", stop=stop_after(6))
    (found,) = as_array([run], digit_arrays, checkpoint=tmp_path / "c")
    assert found is not None
    assert_equal_training(found, expected, 1e-12)


def test_members_at_different_steps_train_one_group_after_the_other(
    digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    """As a worker leaves them that was killed while it saved checkpoints."""
    runs = members(3)
    whole = as_array(runs, digit_arrays)
    with pytest.raises(Interrupted):
        as_plain(runs[1], digit_arrays, checkpoint=tmp_path / "c", stop=stop_after(5))
    options = [TrainOptions("test", tmp_path / "c" if index == 1 else None) for index in range(3)]
    found = dict(train_array(runs, data_of(runs, digit_arrays), CPU, options))
    for index, expected in enumerate(whole):
        result = found[index]
        assert result is not None and expected is not None
        assert_equal_training(row_of(result), expected, 1e-12)


def test_runs_of_two_architectures_are_no_array(digit_arrays: ImageArrays) -> None:
    runs = [*members(2), tiny_run(width=3)]
    with pytest.raises(ValueError, match="members of an array differ in more than bits, quantizer"):
        as_array(runs, digit_arrays)


# Distance of the loss on training batches from float64's, relative, mean of three runs: in the first epoch, at least
# (for what must not be fp32) and at most, and in the third, by when codes have flipped.
BOUNDS = {"fp32": (0, 1e-3, 0.01), "tf32": (1e-4, 0.02, 0.05), "bf16": (1e-4, 0.02, 0.08), "fp16": (1e-4, 0.02, 0.08)}


@pytest.mark.parametrize("engine", ["plain", "array"])
@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16"])
def test_how_far_each_precision_is_from_float64(precision: str, engine: str, digit_arrays: ImageArrays) -> None:
    if (engine, precision) == ("plain", "tf32"):
        pytest.skip("a CPU has no TF32; the array engine rounds as a GPU would")
    settings = {"base_width": 8, "epochs": 3, "train_subset": 500, "milestones": [], "lr": 0.02}
    specs: list[dict[str, Any]] = [{"bits": 3}, {"bits": 4, **ADAM}, {"bits": 32}]
    curves = []
    for each in ("fp64", precision):
        runs = [tiny_run(**(settings | spec), precision=each) for spec in specs]
        results = as_array(runs, digit_arrays) if engine == "array" else [as_plain(r, digit_arrays) for r in runs]
        curves.append([[record["batch_loss"] for record in result["curve"]] for result in results if result])
    distance = (torch.tensor(curves[1]) / torch.tensor(curves[0]) - 1).abs().mean(0)
    low, first, last = BOUNDS[precision]
    assert low <= distance[0] <= first and distance[2] <= last, distance
