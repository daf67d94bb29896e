"""Training with the sharpness-aware rules: what they equal, what they leave alone, interruptions."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import ImageData
from sweep.quantizers.noise import Noise
from sweep.quantizers.parameters import MIN_STEP_SIZE
from sweep.training.progress import Interrupted
from sweep.training.state import TrainingState
from tests.conftest import StopAfter, tiny_run
from tests.training.quantized import CASES, TEMPERING, trained
from tests.training.updates.sharpness_aware import EFFICIENT, RULES, SAM, SAQ

CPU = torch.device("cpu")
SAME_AS_PLAIN = {"rho": 0.0}
ADAM = {"optimizer": "adam", "lr": 0.001, "momentum": 0.0}


@pytest.mark.parametrize("name", RULES)
def test_without_a_perturbation_it_is_the_plain_optimizer(name: str, digit_arrays: ImageArrays) -> None:
    """Bit for bit: SAM, and SAQ with the mean of both gradients; also efficient, for nothing is kept then."""
    changes = RULES[name] | SAME_AS_PLAIN | {"epochs": 2}
    same = changes if name == "sam" else changes | {"combine": "mean"}
    assert trained(digit_arrays, same) == trained(digit_arrays, {"epochs": 2})
    assert trained(digit_arrays, same | {"rho": 0.05}) != trained(digit_arrays, {"epochs": 2})


@pytest.mark.parametrize("quantizer", [*CASES, "none"])
@pytest.mark.parametrize("rule", ["sam", "case 3"])
def test_with_every_quantizer(quantizer: str, rule: str, digit_arrays: ImageArrays) -> None:
    changes = CASES.get(quantizer, {"bits": 32}) | {"epochs": 1}
    same = RULES[rule] | SAME_AS_PLAIN | ({} if rule == "sam" else {"combine": "mean"})
    assert trained(digit_arrays, changes | same) == trained(digit_arrays, changes)


@pytest.mark.parametrize("optimizer", [ADAM, ADAM | {"optimizer": "adamw"}, ADAM | {"optimizer": "rmsprop"}])
@pytest.mark.parametrize("precision", ["fp16", "bf16", "fp64"])
def test_with_every_optimizer_and_precision(
    optimizer: dict[str, Any], precision: str, digit_arrays: ImageArrays
) -> None:
    changes = optimizer | {"precision": precision, "epochs": 1}
    assert trained(digit_arrays, changes | SAM | SAME_AS_PLAIN) == trained(digit_arrays, changes)


def test_twice_the_gradient_is_twice_the_learning_rate(digit_arrays: ImageArrays) -> None:
    """SAQ's sum without a perturbation, in SGD without weight decay."""
    common = {"weight_decay": 0.0, "epochs": 2}
    twice = [record["batch_loss"] for record in trained(digit_arrays, common | {"lr": 0.1})["curve"]]
    both = [record["batch_loss"] for record in trained(digit_arrays, common | SAQ | {"rho": 0.0, "lr": 0.05})["curve"]]
    assert both == twice


@pytest.mark.parametrize("name", RULES)
def test_it_learns(name: str, digit_arrays: ImageArrays) -> None:
    size = {"train_subset": 0, "test_subset": 0, "width": 8, "epochs": 5, "lr": 0.05}
    result = trained(digit_arrays, RULES[name] | size)
    assert result["status"] == "finished" and result["test_acc"] > 0.8


@pytest.mark.parametrize("calls", [1, 2, 3, 6, 12])  # before, at and after perturbed steps; at the very end
@pytest.mark.parametrize(
    "changes",
    [EFFICIENT, EFFICIENT | TEMPERING, EFFICIENT | {"precision": "fp16"}, SAM | {"tau": 3, "beta": 0.7} | ADAM],
)
def test_interrupted_and_resumed_equals_uninterrupted(
    calls: int, changes: dict[str, Any], digit_arrays: ImageArrays, tmp_path: Path, stop_after: StopAfter
) -> None:
    whole = trained(digit_arrays, changes)
    with pytest.raises(Interrupted):
        trained(digit_arrays, changes, checkpoint=tmp_path / "run.pt", stop=stop_after(calls))
    assert trained(digit_arrays, changes, checkpoint=tmp_path / "run.pt") == whole


def after(steps: int, digit_arrays: ImageArrays, **changes: Any) -> TrainingState:
    """Training of whole batches, as it is after `steps`, driven without the loop around it."""
    run: RunConfig = tiny_run(**changes)
    training = TrainingState(run, ImageData(digit_arrays, run, CPU), CPU)
    data = training.data.train
    for step in range(steps):
        images, labels = data.images[64 * step : 64 * (step + 1)], data.labels[64 * step : 64 * (step + 1)]
        training.updates.at(step)(lambda x, y: loss_of(training, x, y), images, labels)
    return training


def loss_of(training: TrainingState, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = training.model(training.data.normalize(images).to(training.master))
    return nn.functional.cross_entropy(logits, labels)


def buffers(training: TrainingState) -> dict[str, torch.Tensor]:
    return dict(training.model.named_buffers())


def test_only_the_first_pass_moves_the_statistics_of_bn(digit_arrays: ImageArrays) -> None:
    plain, sam, both = (
        buffers(after(1, digit_arrays, **changes)) for changes in ({}, SAM, SAM | {"bn_statistics": "both"})
    )
    means = [name for name in plain if name.endswith("running_mean")]
    counts = [name for name in plain if name.endswith("num_batches_tracked")]
    assert means and all(torch.equal(plain[name], sam[name]) for name in plain)
    assert {int(sam[name]) for name in counts} == {1} and {int(both[name]) for name in counts} == {2}
    assert not any(torch.equal(sam[name], both[name]) for name in means)


@pytest.mark.parametrize("changes", [SAM, SAQ | {"saq_case": 1, "grad_source": "full_precision"}])
def test_the_passes_of_a_step_see_one_draw_of_noise(changes: dict[str, Any], digit_arrays: ImageArrays) -> None:
    plain, sharp = (after(3, digit_arrays, **rule, **TEMPERING).model for rule in ({}, changes))
    drawn = [[int(module.calls) for module in model.modules() if isinstance(module, Noise)] for model in (plain, sharp)]
    assert drawn[0] and drawn[0] == drawn[1]


def test_a_chunk_of_the_whole_batch_is_the_batch(digit_arrays: ImageArrays) -> None:
    """At a batch size above that of these batches, so that the configuration does not take it for 0."""
    run = {**SAQ, "batch_size": 128}
    whole, one_chunk, two = (after(2, digit_arrays, **run, m_sharpness=size).model.state_dict() for size in (0, 64, 63))
    assert all(torch.equal(whole[name], one_chunk[name]) for name in whole)
    assert not all(torch.equal(whole[name], two[name]) for name in whole)


def test_perturbed_step_sizes_stay_above_zero(digit_arrays: ImageArrays) -> None:
    training = after(0, digit_arrays, **SAQ | {"rho": 100.0, "perturb_clips": True})
    step_sizes: list[list[float]] = []

    def watched(images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        step_sizes.append([parameter.item() for parameter in training.positive])
        return loss_of(training, images, labels)

    training.updates.at(0)(watched, training.data.train.images[:64], training.data.train.labels[:64])
    first, second = step_sizes
    assert min(second) == pytest.approx(MIN_STEP_SIZE) and max(second) > max(first)


def test_weights_are_set_back_exactly(digit_arrays: ImageArrays) -> None:
    """With a learning rate too small to move them, also where w + eps - eps would not be w."""
    changes = {"rho": 1e3, "lr": 1e-30, "weight_decay": 0.0}
    for rule in (SAM, SAQ | {"saq_case": 2}, SAQ):
        before, now = (after(steps, digit_arrays, **rule | changes).model for steps in (0, 2))
        for one, other in zip(before.parameters(), now.parameters(), strict=True):
            assert torch.equal(one, other) or not one.any()  # a bias of zero moves by any step


@pytest.mark.parametrize("name", RULES)
def test_no_step_asks_a_tensor_for_its_value(
    name: str, digit_arrays: ImageArrays, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which would wait for a GPU, and cannot be captured."""

    def refuse(*args: object) -> None:
        raise AssertionError("a step waited for a value")

    training = after(1, digit_arrays, **RULES[name], **TEMPERING)  # optimizers may ask at their first step
    images, labels = training.data.train.images[:64], training.data.train.labels[:64]
    before = [parameter.clone() for parameter in training.model.parameters()]
    with monkeypatch.context() as patched:
        for asking in ("item", "tolist", "numpy", "__bool__", "__float__", "__int__"):
            patched.setattr(torch.Tensor, asking, refuse)
        for step in (1, 2, 3):
            training.updates.at(step)(lambda x, y: loss_of(training, x, y), images, labels)
    assert not all(torch.equal(one, other) for one, other in zip(before, training.model.parameters(), strict=True))


def test_an_overflow_of_fp16_is_skipped_and_not_kept(digit_arrays: ImageArrays) -> None:
    """The first scale is too large here for any step; what is kept must stay finite."""
    run = tiny_run(**EFFICIENT | {"precision": "fp16"})
    training = TrainingState(run, ImageData(digit_arrays, run, CPU), CPU)
    before = [parameter.clone() for parameter in training.model.parameters()]
    images, labels = training.data.train.images[:64], training.data.train.labels[:64]
    training.scaler.load_state_dict(training.scaler.state_dict() | {"scale": 1e38})
    training.updates.at(0)(lambda x, y: loss_of(training, x, y) * 1e4, images, labels)
    assert all(torch.equal(one, other) for one, other in zip(before, training.model.parameters(), strict=True))
    assert training.updates.kept and not any(kept.any() for kept in training.updates.kept)
    assert training.scaler.get_scale() < 1e38
    training.scaler.update(1024.0)
    training.updates.at(3)(lambda x, y: loss_of(training, x, y), images, labels)
    assert any(kept.any() for kept in training.updates.kept)
