"""The plain engine: one run at a time, any model. It is the reference for every faster one."""

import math
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import RunConfig, evaluated_epochs
from sweep.data.device import ImageData
from sweep.data.interface import TrainingData
from sweep.models import build_model
from sweep.quantizers.calibration import initialize_activations
from sweep.quantizers.parameters import keep_positive, positive_parameters
from sweep.quantizers.placement import quantize
from sweep.training.checkpoint import load_checkpoint, save_tensors
from sweep.training.device import device_name
from sweep.training.evaluate import evaluate_clean
from sweep.training.given import load_given, read_weights
from sweep.training.graph import graph_memory, replayed
from sweep.training.objectives import Objective
from sweep.training.parameter_groups import make_optimizer, set_learning_rate
from sweep.training.precision import autocast, master_dtype, set_tf32
from sweep.training.progress import Interrupted, Progress, TrainOptions
from sweep.training.ranks import ALONE
from sweep.training.result import CleanEvaluation, EpochRecord, TrainingResult
from sweep.training.schedules import learning_rate
from sweep.training.teachers import SoftLabels, soft_labels
from sweep.training.updates.base import Update, make_updates


class PlainTraining:
    """One run in training. `train` below drives it."""

    def __init__(
        self, run: RunConfig, data: TrainingData, device: torch.device, given: dict[str, Tensor] | None = None
    ) -> None:
        """`given`: initial weights in place of random ones."""
        self.run, self.data, self.device = run, data, device
        model = initial_model(run, data)
        if given is not None:
            load_given(model, given, run, data.channels, data.classes, data.image_size)
        self.parameters = sum(p.numel() for p in model.parameters())
        self.master = master_dtype(run.precision)
        model = quantize(model, run).to(device, self.master, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model: nn.Module = model
        self.positive = positive_parameters(model)
        self.optimizer = make_optimizer(model, run)
        self.scaler = torch.amp.GradScaler(device.type, enabled=run.precision == "fp16")
        self.updates = make_updates(run, model, self.optimizer, self.scaler)
        self.progress = Progress()
        self.loss_sum = torch.zeros((), dtype=torch.float64, device=device)  # over the epoch's images
        self.clamped = torch.zeros((), dtype=torch.int64, device=device)
        self.best_weights: dict[str, Tensor] | None = None

    @property
    def ended(self) -> bool:
        return self.progress.diverged or self.progress.epoch == self.run.epochs

    def state(self) -> dict[str, Any]:
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict()["state"],
            "scaler": self.scaler.state_dict(),
            "updates": self.updates.kept,
            "progress": vars(self.progress) | {"curve": [record.columns() for record in self.progress.curve]},
            "loss_sum": self.loss_sum,
            "clamped": self.clamped,
            "best_weights": self.best_weights,
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        groups = self.optimizer.state_dict()["param_groups"]  # follow from the run: not in the checkpoint
        self.optimizer.load_state_dict({"state": state["optimizer"], "param_groups": groups})
        self.scaler.load_state_dict(state["scaler"])
        self.updates.load(state["updates"])
        curve = [EpochRecord.of_columns(columns) for columns in state["progress"]["curve"]]
        self.progress = Progress(**state["progress"] | {"curve": curve})
        self.loss_sum.copy_(state["loss_sum"])
        self.clamped.copy_(state["clamped"])
        self.best_weights = state["best_weights"]

    def result(self, device: torch.device, array_size: int = 0) -> TrainingResult:
        """The end of a run that trained on `device`, alone or in an array of that many."""
        progress, data = self.progress, self.data
        return TrainingResult(
            run_id=self.run.run_id,
            status="diverged" if progress.diverged else "finished",
            curve=tuple(progress.curve),
            epochs_trained=progress.epoch,
            at_chance=progress.at_chance(data),
            train_size=len(data.train),
            test_size=len(data.test),
            seconds=progress.seconds,
            parameters=self.parameters,
            step_sizes_clamped=int(self.clamped.item()),
            device=device_name(device),
            engine="array" if array_size else "plain",
            array_size=array_size or 1,
        )

    def save_weights(self, options: TrainOptions) -> None:
        if options.weights is not None and self.best_weights is not None and options.ranks.is_first:
            initial = initial_model(self.run, self.data).state_dict()
            save_tensors(options.weights, {"initial": initial, "best": self.best_weights})


class _Epochs:
    """Trains a `PlainTraining`, epoch by epoch; on a GPU a step is captured once and replayed."""

    def __init__(self, training: PlainTraining, options: TrainOptions, soft_labels: SoftLabels | None = None) -> None:
        self.training, self._keep_best, self._ranks = training, options.weights is not None, options.ranks
        run, device = training.run, training.device
        set_tf32(run.precision)
        self._evaluated = set(evaluated_epochs(run))
        self._objective = Objective(run, training.model, soft_labels)
        self._batches = training.data.batches(run, self._ranks.part)
        # RMSprop has no fused form: asked to skip a step whose scaled gradients overflowed, it waits for the answer
        can_capture = (run.precision, run.optimizer) != ("fp16", "rmsprop")
        can_capture = can_capture and self._batches.capturable and self._ranks is ALONE
        memory, updates = graph_memory(device) if can_capture else None, training.updates
        self._steps = {
            update: replayed(partial(self._step, update), self._batches.sizes, memory)
            for update in (updates.renewing, updates.between)
        }
        if run.act_bits != FULL_PRECISION and (training.progress.epoch, training.progress.step) == (0, 0):
            self._initialize_activations()
        self._forward = self._ranks.share_training(training.model, device)  # has all start from the first's parameters

    def _initialize_activations(self) -> None:
        """From the whole first training batch; a checkpoint has what became of that."""
        batches = self.training.data.batches(self.training.run)
        batches.start(0, 0)
        images = batches.next_batch(batches.sizes[0]).images[0]
        initialize_activations(self.training.model, lambda model: self._logits(model, images))

    def _logits(self, model: Callable[..., Any], images: Tensor) -> Tensor:
        training = self.training
        with autocast(training.run.precision, training.device):
            logits: Tensor = model(training.data.normalize(images).to(training.master))
        return logits.to(training.master)

    def train_epoch(self, after_step: Callable[[], None]) -> None:
        """The rest of the current epoch, then its record; `after_step` may raise to interrupt."""
        training, progress = self.training, self.training.progress
        set_learning_rate(training.optimizer, learning_rate(training.run, progress.epoch))
        self._batches.start(progress.epoch, progress.step)
        self._objective.start(progress.epoch)
        sizes = self._batches.sizes
        while progress.step < len(sizes) and not progress.diverged:
            update = training.updates.at(progress.epoch * len(sizes) + progress.step)
            self._steps[update][sizes[progress.step]]()
            progress.step += 1
            if training.device.type == "cpu" or progress.step == len(sizes):  # asking a GPU waits for it
                progress.diverged = not math.isfinite(training.loss_sum.item())
            after_step()
        self._end_epoch()

    def _step(self, update: Update, size: int) -> None:
        training = self.training
        batch = self._batches.next_batch(size)
        loss = update(self._ranks.loss_of_part(self._loss, size), batch.images[0], self._objective.targets(batch))
        if training.positive:
            training.clamped += keep_positive(training.positive)
        training.loss_sum += self._ranks.mean(loss) * size

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """Mean over these images of a batch, in nats; their `targets` are those of the objective."""
        return self._objective(self._logits(self._forward, images), targets)

    def _end_epoch(self) -> None:
        training, progress = self.training, self.training.progress
        batch_loss = training.loss_sum.item() / len(training.data.train)
        training.loss_sum.zero_()
        is_due = math.isfinite(batch_loss) and progress.epoch + 1 in self._evaluated
        evaluation = self._evaluate() if is_due else None
        lr = learning_rate(training.run, progress.epoch)
        if progress.end_epoch(lr, batch_loss, evaluation) and self._keep_best:
            training.best_weights = {k: v.detach().cpu().clone() for k, v in training.model.state_dict().items()}

    def _evaluate(self) -> CleanEvaluation:
        training, data = self.training, self.training.data
        return evaluate_clean(training.model, data, training.run.precision, self._ranks)


def initial_model(run: RunConfig, data: TrainingData) -> nn.Module:
    """The unquantized network with the initial weights of `run.seed`, on the CPU whatever the device."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(run.seed)
        return build_model(run, data.channels, data.classes, data.image_size)


def train(run: RunConfig, data: TrainingData, device: torch.device, options: TrainOptions) -> TrainingResult:
    """Trains `run` to its end, from its checkpoint where there is one.

    Raises `Interrupted` when `options.stop()` turns true, after saving a checkpoint. Interrupted and resumed equals
    uninterrupted, bit for bit, on the CPU. `options.on_evaluation` gets every evaluated epoch, on a resume also
    those of the checkpoint.
    """
    given = read_weights(options.initial_weights) if options.initial_weights else None
    training = PlainTraining(run, data, device, given)
    resume(training, options)
    labels = None
    if options.teacher:
        assert isinstance(data, ImageData)  # plans refuse others
        labels = soft_labels(options.teacher, run, data, device, options.code)
    epochs = _Epochs(training, options, labels)
    clock = _Clock(training, options)
    reported = report(training, options, 0)
    while not training.ended:
        epochs.train_epoch(clock.after_step)
        reported = report(training, options, reported)
    clock.stop()
    training.save_weights(options)
    return training.result(device)


def resume(training: PlainTraining, options: TrainOptions) -> None:
    """Goes to where the checkpoint is, if there is one."""
    with options.ranks.first_before_others():  # it sets a damaged one aside
        state = load_checkpoint(options.checkpoint, options.code) if options.checkpoint else None
    if state is not None:
        training.load_state(state)


def save_checkpoint(training: PlainTraining, options: TrainOptions) -> None:
    if options.checkpoint and options.ranks.is_first:
        save_tensors(options.checkpoint, {**training.state(), "code": options.code})


def report(training: PlainTraining, options: TrainOptions, reported: int) -> int:
    """Tells the listener of evaluated epochs from index `reported` on; returns where the next ones start."""
    for record in training.progress.curve[reported:]:
        if record.evaluation is not None:
            options.on_evaluation(record)
    return len(training.progress.curve)


class _Clock:
    """Counts the seconds of a run over all its attempts, and saves checkpoints when they are due."""

    def __init__(self, training: PlainTraining, options: TrainOptions) -> None:
        self._training, self._options = training, options
        self._before = training.progress.seconds
        self._started = self._saved = time.monotonic()

    def stop(self) -> None:
        self._training.progress.seconds = self._before + time.monotonic() - self._started

    def after_step(self) -> None:
        stopped = self._options.stop()
        if stopped or time.monotonic() - self._saved >= self._options.checkpoint_seconds:
            self.stop()
            save_checkpoint(self._training, self._options)
            self._saved = time.monotonic()
        if stopped:
            raise Interrupted
