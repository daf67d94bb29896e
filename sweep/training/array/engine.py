"""Training an array from its runs to their results."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial

import torch

from sweep.config.run import MEMBER_FIELDS, RunConfig, array_key, evaluated_epochs
from sweep.data.device import EpochBatches, ImageData
from sweep.training.array.evaluation import SplitEvaluation
from sweep.training.array.network import ArrayNetwork
from sweep.training.array.state import ArrayState
from sweep.training.array.update import Optimizer
from sweep.training.evaluate import of_both
from sweep.training.graph import graph_memory, is_compiled, replayed
from sweep.training.precision import set_tf32
from sweep.training.progress import TrainOptions, report
from sweep.training.result import CleanEvaluation, TrainingResult
from sweep.training.schedules import learning_rate
from sweep.training.state import TrainingState

CPU = torch.device("cpu")


class _Stopped(Exception):
    """Some members were asked to stop; their checkpoints are saved."""


class _Member:
    """One run of an array: its state as the plain engine holds it, brought up to date when it is needed."""

    def __init__(self, run: RunConfig, data: ImageData, options: TrainOptions) -> None:
        self.state = TrainingState(run, data, CPU)
        self.options = options
        self.state.resume(options)
        self.reported = report(self.state.progress, options, 0)
        self.stopped = False  # asked to
        self.is_over = False  # and its result is known

    @property
    def left(self) -> bool:
        return not (self.state.ended or self.stopped)

    def report(self) -> None:
        self.reported = report(self.state.progress, self.options, self.reported)


class _Array:
    """Members in training. All are at the same step of the same epoch."""

    def __init__(self, members: Sequence[_Member], data: ImageData, device: torch.device, kernels: str) -> None:
        self.members, self._data, self._device = members, data, device
        runs = [member.state.run for member in members]
        self._runs, precision, compiled = runs, runs[0].precision, is_compiled(device)
        set_tf32(precision)
        self._state = ArrayState([member.state for member in members], device)
        make_network, make_optimizer = _implementation(kernels)
        self._network = make_network(self._state, precision, data.classes, compiled)
        self._optimizer = make_optimizer(self._state, runs, compiled)
        seeds = sorted({run.seed for run in runs})
        self._batches = EpochBatches(data, seeds, runs[0].batch_size)
        self._member_row = torch.tensor([seeds.index(run.seed) for run in runs], device=device)
        memory = graph_memory(device)
        self._steps = replayed(self._step, self._batches.sizes, memory)
        self._evaluations = [
            SplitEvaluation(self._network, data, split, len(members), memory) for split in (data.train, data.test)
        ]
        self._evaluated = set(evaluated_epochs(runs[0]))
        self._index = {id(member): index for index, member in enumerate(members)}
        self._clock = self.saved = time.monotonic()

    def train_epoch(self, after_step: Callable[[], None]) -> None:
        """The rest of the current epoch, then the record of each member; `after_step` may raise to interrupt."""
        progress = next(member.state.progress for member in self.members if member.left)
        self._optimizer.set_learning_rates([learning_rate(run, progress.epoch) for run in self._runs])
        self._batches.start(progress.epoch, progress.step)
        for step in range(progress.step, len(self._batches.sizes)):
            self._steps[self._batches.sizes[step]]()
            for member in self.members:
                member.state.progress.step = step + 1
            after_step()
        self._end_epoch(progress.epoch + 1)

    def _step(self, size: int) -> None:
        images, labels = self._batches.next(size)
        losses = self._network.forward_backward(self._data.standardize(images), labels, self._member_row)
        self._optimizer.step()
        self._state.loss_sum += losses.double() * size

    def _end_epoch(self, epoch: int) -> None:
        means = (self._state.loss_sum / len(self._data.train)).tolist()
        self._state.loss_sum.zero_()
        evaluations = self._evaluate() if epoch in self._evaluated else [None] * len(means)
        for member, mean, evaluation in zip(self.members, means, evaluations, strict=True):
            if member.left:
                self._record(member, mean, evaluation)
        self.add_seconds()
        for member in self.members:
            member.report()

    def _evaluate(self) -> list[CleanEvaluation]:
        train, test = (evaluation.run() for evaluation in self._evaluations)
        return [of_both(*splits) for splits in zip(train, test, strict=True)]

    def _record(self, member: _Member, batch_loss: float, evaluation: CleanEvaluation | None) -> None:
        progress = member.state.progress
        is_best = progress.end_epoch(learning_rate(member.state.run, progress.epoch), batch_loss, evaluation)
        if is_best and member.options.weights is not None:
            self.store(member)
            member.state.keep_best()

    def add_seconds(self) -> None:
        """Shares the time since the last call among the members whose result is not known yet."""
        now = time.monotonic()
        sharing = [member for member in self.members if not member.is_over]
        for member in sharing:
            member.state.progress.seconds += (now - self._clock) / len(sharing)
        self._clock = now

    def save(self, members: Sequence[_Member]) -> None:
        """Writes the checkpoints of `members`, from which the plain engine could go on too."""
        self.add_seconds()
        for member in members:
            self.store(member)
            member.state.save(member.options)
        self.saved = time.monotonic()

    def store(self, member: _Member) -> None:
        """Brings `member.state` up to date."""
        progress = member.state.progress
        batches = progress.epoch * len(self._batches.sizes) + progress.step
        self._state.store(self._index[id(member)], member.state, batches)


def _implementation(kernels: str) -> tuple[type[ArrayNetwork], type[Optimizer]]:
    if kernels == "torch":
        return ArrayNetwork, Optimizer
    from sweep.training.array.fused import FusedNetwork, FusedOptimizer  # PyTorch's CPU builds come without triton

    return FusedNetwork, FusedOptimizer


def train_array(
    runs: Sequence[RunConfig],
    data: ImageData,
    device: torch.device,
    options: Sequence[TrainOptions],
    kernels: str = "torch",
) -> Iterator[tuple[int, TrainingResult | None]]:
    """Trains `runs` together to their ends, each from its checkpoint where there is one.

    Yields (index into `runs`, result) as members end, and None in
    place of the result for one whose `stop` turned true, after saving its checkpoint. Equal to the plain engine
    member by member: in float64 to rounding, and on the CPU bit for bit independent of the other members.

    `runs` are equal but for the fields in `MEMBER_FIELDS`, and `data` is theirs; raises `ValueError` otherwise.
    Members whose checkpoints stand at different steps, as a worker leaves them that was killed while it saved them,
    train as one array after the other. `kernels` are those of torch or triton.
    """
    if len({array_key(run) for run in runs}) > 1:
        raise ValueError(f"members of an array differ in more than {', '.join(MEMBER_FIELDS)}")
    members = [_Member(run, data, option) for run, option in zip(runs, options, strict=True)]
    groups: dict[tuple[int, int], dict[int, _Member]] = {}
    for index, member in enumerate(members):
        progress = member.state.progress
        groups.setdefault((progress.epoch, progress.step), {})[index] = member
    for group in groups.values():
        yield from _train_group(group, partial(_Array, data=data, device=device, kernels=kernels), device)


def _train_group(
    opened: dict[int, _Member], make_array: Callable[[Sequence[_Member]], _Array], device: torch.device
) -> Iterator[tuple[int, TrainingResult | None]]:
    """Members at one step; by their indices, as which they are yielded."""
    array: _Array | None = None
    size = len(opened)
    while opened:
        live = [member for member in opened.values() if member.left]
        if live:
            array = _array_of(live, array, make_array)
            with suppress(_Stopped):
                array.train_epoch(_AfterStep(array))
        for index in [index for index, member in opened.items() if not member.left]:
            member = opened.pop(index)
            member.is_over = True
            yield index, _result(member, array, size, device)


def _array_of(
    live: Sequence[_Member], before: _Array | None, make_array: Callable[[Sequence[_Member]], _Array]
) -> _Array:
    """A smaller array once half of the members are over; until then they cost less than a new one."""
    if before is not None and len(live) * 2 > len(before.members):
        return before
    for member in live if before is not None else ():
        before.store(member)  # type: ignore[union-attr]
    return make_array(live)


class _AfterStep:
    """Saves checkpoints when they are due or asked for."""

    def __init__(self, array: _Array) -> None:
        self._array = array

    def __call__(self) -> None:
        array = self._array
        live = [member for member in array.members if member.left]
        asked = [member for member in live if member.options.stop()]
        due = time.monotonic() - array.saved >= min(member.options.checkpoint_seconds for member in live)
        if asked or due:
            array.save(live if due else asked)
        for member in asked:
            member.stopped = True
        if asked:
            raise _Stopped


def _result(member: _Member, array: _Array | None, size: int, device: torch.device) -> TrainingResult | None:
    if member.stopped:
        return None
    if array is not None:
        array.store(member)
    member.state.save_weights(member.options)
    return member.state.result(device, size)
