"""Soft labels and the loss with them by hand; live and stored labels are the same; all of it can be interrupted."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.data.arrays import ImageArrays
from sweep.data.device import Batch, Crops, EpochBatches, ImageData
from sweep.training.objectives import distillation
from sweep.training.plain import train
from sweep.training.progress import Interrupted, TrainOptions
from sweep.training.teachers import Teacher, TeacherSource, smoothed, soft_labels, top_classes
from tests.conftest import StopAfter, tiny_run
from tests.training.rows import row_of

CPU = torch.device("cpu")
TEACHER = {"teacher": f"run:{'a' * 64}"}
CROPS = {"augmentation": "resized_crop_flip", "crop_pool": 4, "crops": 2, "epochs": 4}


def softmax(logits: list[float], temperature: float) -> list[float]:
    powers = [math.exp(z / temperature) for z in logits]
    return [p / sum(powers) for p in powers]


def test_marginal_smoothing_by_hand() -> None:
    """The five largest of eight stay, the other three share the rest."""
    logits = [2.0, -1.0, 0.5, 3.0, 0.0, 1.0, -2.0, 0.25]
    p = softmax(logits, 1.0)
    kept = {3, 0, 5, 2, 7}
    rest = (1 - sum(p[c] for c in kept)) / 3
    expected = [p[c] if c in kept else rest for c in range(8)]
    found = smoothed(*top_classes(torch.tensor([logits], dtype=torch.float64), 1.0, 5), 8)
    torch.testing.assert_close(found, torch.tensor([expected], dtype=torch.float64), rtol=1e-12, atol=0)


@pytest.mark.parametrize("kept", [0, 8, 20])
def test_all_classes_are_the_softmax(kept: int) -> None:
    logits = torch.randn(3, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(smoothed(*top_classes(logits, 2.0, kept), 8), (logits / 2).softmax(1))


@pytest.mark.parametrize(("temperature", "share"), [(1.0, 0.0), (4.0, 0.0), (2.0, 0.25)])
def test_the_loss_by_hand(temperature: float, share: float) -> None:
    logits, soft, labels = [[1.0, -0.5, 2.0], [0.0, 0.3, -1.0]], [[0.2, 0.1, 0.7], [0.5, 0.25, 0.25]], [2, 0]
    expected = 0.0
    for z, p, y in zip(logits, soft, labels, strict=True):
        soft_term = -sum(a * math.log(q) for a, q in zip(p, softmax(z, temperature), strict=True))
        hard_term = -math.log(softmax(z, 1.0)[y])
        expected += ((1 - share) * temperature**2 * soft_term + share * hard_term) / 2
    hard = torch.eye(3, dtype=torch.float64)[labels]
    targets = torch.stack([torch.tensor(soft, dtype=torch.float64), hard], 1)
    loss = distillation(torch.tensor(logits, dtype=torch.float64), targets, temperature, share)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


@pytest.fixture(scope="module")
def sources(digit_arrays: ImageArrays, tmp_path_factory: pytest.TempPathFactory) -> dict[int, TeacherSource]:
    """Teachers by their bits; larger than the students."""
    folder = tmp_path_factory.mktemp("teacher")
    found = {}
    for bits in (32, 4):
        act_bits = 4 if bits == 4 else 32
        run = tiny_run(bits=bits, act_bits=act_bits, width=4, epochs=2)
        train(run, ImageData(digit_arrays, run, CPU), CPU, TrainOptions("test", weights=folder / f"{bits}.pt"))
        found[bits] = TeacherSource(run, folder / f"{bits}.pt", folder / "cache")
    return found


def labels_of(run: RunConfig, source: TeacherSource, arrays: ImageArrays, epoch: int) -> tuple[Batch, Tensor]:
    data = ImageData(arrays, run, CPU)
    batches = EpochBatches(data, [run.seed], run.batch_size, Crops(run.crops, run.crop_pool, run.epochs))
    batches.start(epoch, 0)
    batch = batches.next_batch(run.batch_size)
    return batch, soft_labels(source, run, data, CPU, "test")(batch)


@pytest.mark.parametrize("bits", [32, 4])
@pytest.mark.parametrize("changes", [CROPS, CROPS | {"crops": 1, "crop_pool": 3}, {"augmentation": "none"}])
@pytest.mark.parametrize("classes", [0, 3])
def test_stored_labels_are_the_live_ones(
    bits: int, changes: dict[str, Any], classes: int, sources: dict[int, TeacherSource], digit_arrays: ImageArrays
) -> None:
    live, cached = (
        tiny_run(teacher=f"run:{bits:064x}", teacher_labels=labels, soft_label_classes=classes, **changes)
        for labels in ("live", "cached")
    )
    for epoch in (0, 1, 3):  # the last one with one crop
        batch, expected = labels_of(live, sources[bits], digit_arrays, epoch)
        same, found = labels_of(cached, sources[bits], digit_arrays, epoch)
        assert torch.equal(batch.images, same.images)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-7)


def test_labels_are_stored_once_for_runs_that_share_them(
    sources: dict[int, TeacherSource], digit_arrays: ImageArrays, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    original = Teacher.top_classes
    monkeypatch.setattr(Teacher, "top_classes", lambda self, images: made.append(1) or original(self, images))
    source = TeacherSource(sources[32].run, sources[32].weights, tmp_path)
    cached = {"teacher_labels": "cached", **TEACHER, **CROPS}
    for changes in ({}, {"lr": 0.01, "bits": 2}):
        labels_of(tiny_run(**cached, **changes), source, digit_arrays, 0)
    assert len(made) == 4  # once per crop of the pool; 200 images are one batch of the teacher
    labels_of(tiny_run(**cached, seed=1), source, digit_arrays, 0)
    assert len(made) == 8 and len(list((tmp_path / "labels").iterdir())) == 2


def test_the_teacher_is_in_evaluation_mode_and_learns_nothing(
    sources: dict[int, TeacherSource], digit_arrays: ImageArrays
) -> None:
    """One image alone gets the label that it gets in a batch, and none gets a gradient."""
    run = tiny_run(**TEACHER)
    data = ImageData(digit_arrays, run, CPU)
    teacher = Teacher(sources[4], run, data, CPU)
    together, alone = (teacher.top_classes(data.train.images[:count])[0][0] for count in (50, 1))
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-7)
    assert not together.requires_grad


CASES: dict[str, dict[str, Any]] = {
    "live": {"temperature": 2.0, "hard_label_share": 0.3, **TEACHER},
    "cached, crops": {"teacher_labels": "cached", "soft_label_classes": 5, **TEACHER, **CROPS},
    "crops": {**CROPS, "crop_pool": 0},
    "all of VVTQ": {
        "quantizer": "vvtq", "bits": 2, "bin_regularization": 0.01, "bin_regularization_start": 0.25,
        "soft_label_classes": 5, **TEACHER, **CROPS, "crop_pool": 0,
    },
    "bins": {"bin_regularization": 0.1},
}  # fmt: skip


def trained(
    changes: dict[str, Any], arrays: ImageArrays, sources: dict[int, TeacherSource], **options: Any
) -> dict[str, Any]:
    run = tiny_run(**changes)
    teacher = sources[32] if run.teacher != "none" else None
    result = train(run, ImageData(arrays, run, CPU), CPU, TrainOptions("test", teacher=teacher, **options))
    return row_of(result)


@pytest.mark.parametrize("name", CASES)
def test_interrupted_and_resumed_equals_uninterrupted(
    name: str, digit_arrays: ImageArrays, sources: dict[int, TeacherSource], tmp_path: Path, stop_after: StopAfter
) -> None:
    whole = trained(CASES[name], digit_arrays, sources)
    for calls in (3, 6):  # in the first epoch, later
        with pytest.raises(Interrupted):
            trained(CASES[name], digit_arrays, sources, checkpoint=tmp_path / "run.pt", stop=stop_after(calls))
    assert trained(CASES[name], digit_arrays, sources, checkpoint=tmp_path / "run.pt") == whole


def test_each_changes_what_is_learned(digit_arrays: ImageArrays, sources: dict[int, TeacherSource]) -> None:
    losses = {name: trained(case, digit_arrays, sources)["last_train_loss"] for name, case in CASES.items()}
    losses["none"] = trained({}, digit_arrays, sources)["last_train_loss"]
    assert len(set(losses.values())) == len(losses)


def test_the_penalty_begins_where_it_is_said_to(digit_arrays: ImageArrays, sources: dict[int, TeacherSource]) -> None:
    """Of four epochs, the first two are those of a run without it, bit for bit."""
    late = {"bin_regularization": 0.5, "bin_regularization_start": 0.5, "epochs": 4}
    with_penalty, without = (trained(case, digit_arrays, sources)["curve"] for case in (late, {"epochs": 4}))
    losses = [[record["batch_loss"] for record in curve] for curve in (with_penalty, without)]
    assert losses[0][:3] == losses[1][:3] and losses[0][3] > losses[1][3]  # at its start, after epoch 2, it is 0


def test_a_student_learns_from_its_teacher(digit_arrays: ImageArrays, tmp_path: Path) -> None:
    """Without a label."""
    size = {"train_subset": 0, "test_subset": 0, "width": 8, "epochs": 6}
    run = tiny_run(bits=32, **size)
    data = ImageData(digit_arrays, run, CPU)
    best = row_of(train(run, data, CPU, TrainOptions("test", weights=tmp_path / "w.pt")))["test_acc"]
    student = tiny_run(bits=2, **TEACHER, **size)
    options = TrainOptions("test", teacher=TeacherSource(run, tmp_path / "w.pt"))
    assert row_of(train(student, data, CPU, options))["test_acc"] > 0.9 * best > 0.8
