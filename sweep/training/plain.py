"""The plain engine: one run at a time, any model, eager. It is the reference for every faster one."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sweep.config import RunConfig
from sweep.cost import evaluated_epochs
from sweep.data.device import ImageData
from sweep.data.order import permutation
from sweep.models import build_model
from sweep.quantizers import keep_positive, quantize, step_sizes
from sweep.training.checkpoint import load_checkpoint, save_tensors
from sweep.training.evaluate import evaluate
from sweep.training.optimizers import learning_rate, make_optimizer

CUDA_CHECK_STEPS = 50  # asking a GPU for the loss waits for it; the CPU is asked every step


class Interrupted(Exception):
    """Training was asked to stop. A checkpoint holds all of it."""


@dataclass(frozen=True)
class TrainOptions:
    """What a run needs besides its science config. None of it changes a number."""

    code: str  # fingerprint of the training code; a checkpoint of other code is not resumed
    checkpoint: Path | None = None
    checkpoint_seconds: float = 60
    weights: Path | None = None  # where the initial and the best weights are kept
    stop: Callable[[], bool] = lambda: False
    on_evaluation: Callable[[Mapping[str, float | int | None]], None] = lambda record: None


@dataclass
class Progress:
    """Where training is; with the tensors, all that a checkpoint needs."""

    epoch: int = 0  # complete ones
    step: int = 0  # in the current epoch
    seconds: float = 0.0
    diverged: bool = False
    curve: list[dict[str, float | int | None]] = field(default_factory=list)


class PlainTraining:
    """One run in training. `train` below drives it."""

    def __init__(self, run: RunConfig, data: ImageData, device: torch.device) -> None:
        self.run, self.data, self.device = run, data, device
        model = initial_model(run, data)
        self.parameters = sum(p.numel() for p in model.parameters())
        self.model = quantize(model, run).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.step_sizes = step_sizes(self.model)
        self.optimizer = make_optimizer(self.model, run)
        self.progress = Progress()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)  # over the epoch's images
        self.clamped = torch.zeros((), dtype=torch.int64, device=device)
        self.best_weights: dict[str, Tensor] | None = None
        self._evaluated = set(evaluated_epochs(run))
        self._check_steps = CUDA_CHECK_STEPS if device.type == "cuda" else 1

    @property
    def ended(self) -> bool:
        return self.progress.diverged or self.progress.epoch == self.run.epochs

    def train_epoch(self, after_step: Callable[[], None], keep_best: bool) -> None:
        """The rest of the current epoch, then its record; `after_step` may raise to interrupt."""
        run, progress = self.run, self.progress
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(run, progress.epoch)
        order = permutation(run.seed, progress.epoch, len(self.data.train), self.device)
        batches = order.split(run.batch_size)
        while progress.step < len(batches) and not progress.diverged:
            self._step(batches[progress.step])
            progress.step += 1
            if progress.step % self._check_steps == 0 or progress.step == len(batches):
                progress.diverged = not math.isfinite(self.loss_sum.item())
            after_step()
        self._end_epoch(keep_best)

    def _step(self, index: Tensor) -> None:
        images, labels = self.data.train_batch(index, self.run.seed, self.progress.epoch)
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.run.precision == "bf16"):
            logits = self.model(images)
        loss = F.cross_entropy(logits.float(), labels)
        loss.backward()
        self.optimizer.step()
        if self.step_sizes:
            self.clamped += keep_positive(self.step_sizes)
        self.loss_sum += loss.detach() * len(index)

    def _end_epoch(self, keep_best: bool) -> None:
        progress = self.progress
        progress.step = 0
        record: dict[str, float | int | None] = dict.fromkeys(EVALUATED)
        record |= {
            "epoch": progress.epoch + 1,
            "lr": self.optimizer.param_groups[0]["lr"],
            "batch_loss": self.loss_sum.item() / len(self.data.train),
        }
        self.loss_sum.zero_()
        progress.curve.append(record)
        if not progress.diverged:
            progress.epoch += 1
            if progress.epoch in self._evaluated:
                self._evaluate(record, keep_best)

    def _evaluate(self, record: dict[str, float | int | None], keep_best: bool) -> None:
        for name, split in (("train", self.data.train), ("test", self.data.test)):
            result = evaluate(self.model, self.data, split, self.run.precision == "bf16")
            record |= {f"{name}_loss": result.loss, f"{name}_acc": result.acc}
        self.progress.diverged = not math.isfinite(record["train_loss"])  # type: ignore[arg-type]
        if keep_best and best_record(self.progress.curve) is record:
            self.best_weights = {k: v.detach().cpu().clone() for k, v in self.model.state_dict().items()}

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "progress": vars(self.progress),
            "loss_sum": self.loss_sum,
            "clamped": self.clamped,
            "best_weights": self.best_weights,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        self.loss_sum.copy_(state["loss_sum"])
        self.clamped.copy_(state["clamped"])
        self.best_weights = state["best_weights"]


EVALUATED = ("train_loss", "train_acc", "test_loss", "test_acc")


def initial_model(run: RunConfig, data: ImageData) -> nn.Module:
    """The unquantized network with the initial weights of `run.seed`, on the CPU whatever the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        return build_model(run, data.channels, data.classes)


def best_record(curve: list[dict[str, float | int | None]]) -> dict[str, float | int | None] | None:
    """The evaluated epoch with the lowest training loss, the first of equals (QGen B.3: no test data used)."""
    evaluated = [record for record in curve if record["train_loss"] is not None]
    finite = [record for record in evaluated if math.isfinite(record["train_loss"])]  # type: ignore[arg-type]
    return min(finite, key=lambda record: record["train_loss"], default=None)  # type: ignore[arg-type, return-value]


def train(run: RunConfig, data: ImageData, device: torch.device, options: TrainOptions) -> dict[str, Any]:
    """Trains `run` to its end, from its checkpoint where there is one.

    Returns the result columns of its row (see sweep/rows.py) and, under `curve`, its epochs. Raises
    `Interrupted` when `options.stop()` turns true, after saving a checkpoint. Interrupted and resumed equals
    uninterrupted, bit for bit, on the CPU. `options.on_evaluation` gets every evaluated epoch, on a resume also
    those of the checkpoint.
    """
    training = PlainTraining(run, data, device)
    clock = _Clock(training, options)
    reported = _report(training, options, 0)
    while not training.ended:
        training.train_epoch(clock.after_step, keep_best=options.weights is not None)
        reported = _report(training, options, reported)
    clock.stop()
    if options.weights is not None and training.best_weights is not None:
        initial = initial_model(run, data).state_dict()
        save_tensors(options.weights, {"initial": initial, "best": training.best_weights})
    return _result(training)


def _report(training: PlainTraining, options: TrainOptions, reported: int) -> int:
    for record in training.progress.curve[reported:]:
        if record["train_loss"] is not None:
            options.on_evaluation(record)
    return len(training.progress.curve)


class _Clock:
    """Counts the seconds of a run over all its attempts, and saves checkpoints when they are due."""

    def __init__(self, training: PlainTraining, options: TrainOptions) -> None:
        self._training, self._options = training, options
        state = load_checkpoint(options.checkpoint, options.code) if options.checkpoint else None
        if state is not None:
            training.load_state(state)
        self._before = training.progress.seconds
        self._started = self._saved = time.monotonic()

    def stop(self) -> None:
        self._training.progress.seconds = self._before + time.monotonic() - self._started

    def after_step(self) -> None:
        if self._options.stop():
            self._save()
            raise Interrupted
        if time.monotonic() - self._saved >= self._options.checkpoint_seconds:
            self._save()

    def _save(self) -> None:
        if self._options.checkpoint:
            self.stop()
            save_tensors(self._options.checkpoint, {**self._training.state(), "code": self._options.code})
            self._saved = time.monotonic()


def _result(training: PlainTraining) -> dict[str, Any]:
    progress, data, run = training.progress, training.data, training.run
    best, last = best_record(progress.curve), progress.curve[-1]
    result: dict[str, Any] = dict.fromkeys((*EVALUATED, "best_epoch", "gap", "last_gap", "at_chance"))
    result |= {f"last_{name}": None for name in EVALUATED}
    if not progress.diverged and best is not None:
        result |= {name: best[name] for name in EVALUATED} | {"best_epoch": best["epoch"]}
        result |= {f"last_{name}": last[name] for name in EVALUATED}
        result["gap"] = result["test_loss"] - result["train_loss"]
        result["last_gap"] = result["last_test_loss"] - result["last_train_loss"]
        result["at_chance"] = _at_chance(progress.curve, data)
    return result | {
        "status": "diverged" if progress.diverged else "finished",
        "epochs_trained": progress.epoch,
        "parameters": training.parameters,
        "train_size": len(data.train),
        "test_size": len(data.test),
        "step_sizes_clamped": int(training.clamped.item()),
        "seconds": progress.seconds,
        "images_per_s": progress.epoch * len(data.train) / progress.seconds,
        "curve": [{**record, "run_id": run.run_id} for record in progress.curve],
    }


def _at_chance(curve: list[dict[str, float | int | None]], data: ImageData) -> bool:
    """True where no evaluated epoch beat always guessing the largest class by three standard errors."""
    share = data.train.labels.bincount().max().item() / len(data.train)
    limit = share + 3 * math.sqrt(share * (1 - share) / len(data.train))
    return all(record["train_acc"] is None or record["train_acc"] <= limit for record in curve)
