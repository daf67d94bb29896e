"""The plain engine: one run at a time, any model. It is the reference for every faster one.

From top to bottom: a run, an epoch, and what an epoch is made of.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from sweep.config.bits import FULL_PRECISION
from sweep.config.run import RunConfig, evaluated_epochs
from sweep.data.device import ImageData
from sweep.data.interface import TrainingData
from sweep.quantizers.calibration import initialize_activations
from sweep.quantizers.parameters import keep_positive
from sweep.training.clock import Clock
from sweep.training.evaluate import evaluate_clean
from sweep.training.fitting import read_weights
from sweep.training.graph import graph_memory, replayed
from sweep.training.objectives import Objective
from sweep.training.parameter_groups import set_learning_rate
from sweep.training.precision import autocast, set_tf32
from sweep.training.progress import TrainOptions, report
from sweep.training.ranks import ALONE
from sweep.training.result import TrainingResult
from sweep.training.schedules import learning_rate
from sweep.training.state import TrainingState
from sweep.training.teachers import SoftLabels, soft_labels
from sweep.training.updates.base import Update


def train(run: RunConfig, data: TrainingData, device: torch.device, options: TrainOptions) -> TrainingResult:
    """Trains `run` to its end, from its checkpoint where there is one.

    Raises `Interrupted` when `options.stop()` turns true, after saving a checkpoint. Interrupted and resumed equals
    uninterrupted, bit for bit, on the CPU. `options.on_evaluation` gets every evaluated epoch, on a resume also
    those of the checkpoint.
    """
    initial = read_weights(options.initial_weights) if options.initial_weights else None
    state = TrainingState(run, data, device, initial)
    state.resume(options)
    loop, clock = TrainingLoop(state, options), Clock(state, options)
    reported = report(state.progress, options, 0)
    while not state.ended:
        loop.train_epoch(clock.after_step)
        reported = report(state.progress, options, reported)
    clock.stop()
    state.save_weights(options)
    return state.result(device)


class TrainingLoop:
    """The epochs of the run in `state`. On a GPU a step is captured once and replayed."""

    def __init__(self, state: TrainingState, options: TrainOptions) -> None:
        self.state, self._ranks, self._keeps_best = state, options.ranks, options.weights is not None
        run = state.run
        set_tf32(run.precision)
        self._objective = Objective(run, state.model, _soft_labels(state, options))
        self._batches = state.data.batches(run, self._ranks.part)
        self._evaluated = set(evaluated_epochs(run))
        if run.act_bits != FULL_PRECISION and (state.progress.epoch, state.progress.step) == (0, 0):
            self._initialize_activations()
        self._model = self._ranks.share_training(state.model, state.device)  # has all start from the first's weights
        memory = graph_memory(state.device) if self._can_capture() else None
        self._steps = {
            update: replayed(partial(self._step, update), self._batches.sizes, memory)
            for update in (state.updates.renewing, state.updates.between)
        }

    def train_epoch(self, after_step: Callable[[], None]) -> None:
        """Trains the rest of the current epoch, then evaluates and records it.

        `after_step` may raise to interrupt: the epoch goes on from there, also in another process.
        """
        state, progress, sizes = self.state, self.state.progress, self._batches.sizes
        lr = learning_rate(state.run, progress.epoch)
        set_learning_rate(state.optimizer, lr)
        self._objective.start(progress.epoch)
        self._batches.start(progress.epoch, progress.step)
        while progress.step < len(sizes) and not self._has_diverged():
            update = state.updates.at(progress.epoch * len(sizes) + progress.step)
            self._steps[update][sizes[progress.step]]()
            progress.step += 1
            after_step()
        self._end_epoch(lr)

    def _has_diverged(self) -> bool:
        """Whether a loss of this epoch was not finite, on a CPU; asking a GPU would wait for it at every step."""
        return self.state.device.type == "cpu" and not math.isfinite(self.state.loss_sum.item())

    def _step(self, update: Update, size: int) -> None:
        """One batch of `size` images: what `update` makes of its loss, in tensors that stay where they are."""
        state, batch = self.state, self._batches.next_batch(size)
        loss = update(self._ranks.loss_of_part(self._loss, size), batch.images[0], self._objective.targets(batch))
        if state.positive:
            state.clamped += keep_positive(state.positive)
        state.loss_sum += self._ranks.mean(loss) * size

    def _loss(self, images: Tensor, targets: Tensor) -> Tensor:
        """Mean over these images of a batch, in nats; their `targets` are those of the objective."""
        return self._objective(self._logits(self._model, images), targets)

    def _logits(self, model: Callable[..., Any], images: Tensor) -> Tensor:
        """Logits (B, classes) of images (B, H, W, C) uint8, in the precision of the parameters."""
        state = self.state
        with autocast(state.run.precision, state.device):
            logits: Tensor = model(state.data.normalize(images).to(state.master))
        return logits.to(state.master)

    def _end_epoch(self, lr: float) -> None:
        state, run, data = self.state, self.state.run, self.state.data
        batch_loss = state.loss_sum.item() / len(data.train)
        state.loss_sum.zero_()
        is_due = math.isfinite(batch_loss) and state.progress.epoch + 1 in self._evaluated
        evaluation = evaluate_clean(state.model, data, run.precision, self._ranks) if is_due else None
        is_best = state.progress.end_epoch(lr, batch_loss, evaluation)
        if is_best and self._keeps_best:
            state.keep_best()

    def _initialize_activations(self) -> None:
        """From the whole first training batch; a checkpoint has what became of that."""
        batches = self.state.data.batches(self.state.run)
        batches.start(0, 0)
        images = batches.next_batch(batches.sizes[0]).images[0]
        initialize_activations(self.state.model, lambda model: self._logits(model, images))

    def _can_capture(self) -> bool:
        """Whether a step never waits for an answer of the device, nor for other processes.

        RMSprop has no fused form: asked to skip a step whose scaled gradients overflowed, it waits for the answer.
        """
        run = self.state.run
        waits = (run.precision, run.optimizer) == ("fp16", "rmsprop")
        return not waits and self._batches.capturable and self._ranks is ALONE


def _soft_labels(state: TrainingState, options: TrainOptions) -> SoftLabels | None:
    """Those of the run's teacher, if it has one."""
    if options.teacher is None:
        return None
    assert isinstance(state.data, ImageData)  # plans refuse others
    return soft_labels(options.teacher, state.run, state.data, state.device, options.code)
