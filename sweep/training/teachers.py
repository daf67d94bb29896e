"""Soft labels (Hinton et al. 2015; FKD, Shen & Xing 2022): of a live teacher, or stored once per image and crop."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.config.networks import SIZES
from sweep.config.run import RunConfig
from sweep.data.device import ImageData
from sweep.data.interface import Batch
from sweep.data.order import augmentation_key
from sweep.models import build_model
from sweep.quantizers.placement import quantize
from sweep.training.files import save_tensors
from sweep.training.fitting import fitting, float_weights, read_weights
from sweep.training.precision import autocast, master_dtype, set_tf32

BATCH = 500  # images through the teacher at a time, to store its labels
OF_LABELS = (
    "dataset", "data_sha256", "train_subset", "augmentation", "seed", "crop_pool", "teacher", "teacher_model",
    "soft_label_classes", "temperature", "precision",
)  # fmt: skip


@dataclass(frozen=True)
class TeacherSource:
    """A network with its weights. `run` is its science config: that of a trained run, or made of the student's."""

    run: RunConfig
    weights: Path
    cache_dir: Path | None = None  # where labels are stored, if they are


class SoftLabels(Protocol):
    def __call__(self, batch: Batch) -> Tensor:
        """Class probabilities (B, classes) for the images of the one seed of `batch`."""
        ...


def top_classes(logits: Tensor, temperature: float, kept: int) -> tuple[Tensor, Tensor]:
    """The `kept` largest of softmax(logits / temperature) and their classes, each (B, kept); 0 keeps all."""
    probabilities = (logits / temperature).softmax(1)
    values, classes = probabilities.topk(min(kept or logits.shape[1], logits.shape[1]), 1)
    return values, classes


def smoothed(values: Tensor, classes: Tensor, count: int) -> Tensor:
    """Probabilities (B, count) with `values` at `classes`; the other classes share what is left (FKD's marginal
    smoothing)."""
    others = max(1, count - values.shape[1])
    rest = (1 - values.sum(1, keepdim=True)) / others
    return rest.expand(-1, count).scatter(1, classes, values)


class Teacher:
    """A network that does not learn, in evaluation mode and in its own precision."""

    def __init__(self, source: TeacherSource, student: RunConfig, data: ImageData, device: torch.device) -> None:
        self.run, self._student, self._data, self._device = source.run, student, data, device
        self._master = master_dtype(source.run.precision)
        set_tf32(student.precision)  # the process has one such setting
        self._model = _frozen(source, data).to(device, self._master, memory_format=torch.channels_last)  # type: ignore[call-overload]

    @torch.no_grad()
    def top_classes(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the largest probabilities and their classes for images (B, H, W, C) uint8."""
        with autocast(self.run.precision, self._device):
            logits = self._model(self._data.normalize(images).to(self._master))
        student = self._student
        logits = logits.to(master_dtype(student.precision))
        return top_classes(logits, student.temperature, student.soft_label_classes)

    def __call__(self, batch: Batch) -> Tensor:
        return smoothed(*self.top_classes(batch.images[0]), self._data.classes)


def _frozen(source: TeacherSource, data: ImageData) -> nn.Module:
    run, state = source.run, read_weights(source.weights)
    with torch.random.fork_rng(devices=[]):
        model = build_model(run, data.channels, data.classes, data.image_size)
    if run.is_quantized:
        quantize(model, run).load_state_dict(state)
        _materialize(model.eval())  # some quantizers have noise in training
    else:
        weights = fitting(float_weights(state), run, data.channels, data.classes, data.image_size, needs_head=True)
        model.load_state_dict(weights, strict=False)
    return model.eval().requires_grad_(False)


def _materialize(model: nn.Module) -> None:
    """Makes plain tensors of the quantized weights: they do not change any more."""
    for module in model.modules():
        for name in list(getattr(module, "parametrizations", ())):
            parametrize.remove_parametrizations(module, name)


class StoredLabels:
    """The labels of every image and crop, made once by a teacher: (crops, images, kept) each."""

    def __init__(self, values: Tensor, classes: Tensor, count: int) -> None:
        self._values, self._classes, self._count = values, classes, count

    def __call__(self, batch: Batch) -> Tensor:
        image, crop = batch.image[0], batch.crop[0] % len(self._values)
        return smoothed(self._values[crop, image], self._classes[crop, image].long(), self._count)


def soft_labels(source: TeacherSource, run: RunConfig, data: ImageData, device: torch.device, code: str) -> SoftLabels:
    """Returns the labels as `run.teacher_labels` says; stored ones come from `source.cache_dir`, and are made where
    they are missing.
    """
    if run.teacher_labels == "live":
        return Teacher(source, run, data, device)

    def make() -> dict[str, Tensor]:
        return _label_all(Teacher(source, run, data, device), run, data)

    path = source.cache_dir and source.cache_dir / "labels" / f"{_labels_id(source, run, code)}.pt"
    stored = _stored(path, make) if path else make()
    return StoredLabels(stored["values"].to(device), stored["classes"].to(device), data.classes)


def _labels_id(source: TeacherSource, run: RunConfig, code: str) -> str:
    """Of everything that labels depend on."""
    values = {name: getattr(run, name) for name in OF_LABELS}
    network = {name: getattr(source.run, name) for name in ("model", *SIZES)}
    text = json.dumps([values, network, code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _stored(path: Path, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    if not path.exists():
        save_tensors(path, make())
    labels: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return labels


def _label_all(teacher: Teacher, run: RunConfig, data: ImageData) -> dict[str, Tensor]:
    everything = torch.arange(len(data.train), device=data.train.labels.device)
    values, classes = [], []
    for crop in range(run.crop_pool or 1):  # without augmentation, all crops are the image
        key = augmentation_key(run.seed, crop)
        parts = [teacher.top_classes(data.train_images(index, key)) for index in everything.split(BATCH)]
        values.append(torch.cat([part[0] for part in parts]))
        classes.append(torch.cat([part[1] for part in parts]).to(torch.int16))
    return {"values": torch.stack(values), "classes": torch.stack(classes)}
