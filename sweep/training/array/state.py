"""The members of an array as stacked tensors, and the way there from single runs and back."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from sweep.quantizers.lsq.quantizer import LSQ
from sweep.training.array.layout import Layer, Parameters, layers_of, parameters_per_member, views
from sweep.training.array.operations import StepSizes
from sweep.training.state import TrainingState

# PyTorch's names of an optimizer's state; SGD has one moment, and Adam's and RMSprop's second is of squares.
_MOMENT = {"sgd": "momentum_buffer", "adam": "exp_avg", "rmsprop": "momentum_buffer"}
_SQUARE = {"adam": "exp_avg_sq", "rmsprop": "square_avg"}


class Stack(NamedTuple):
    """Parameters (K, P) or step sizes (K, layers) with their gradients and optimizer state."""

    value: Tensor
    grad: Tensor
    moment: Tensor
    square: Tensor

    @classmethod
    def zeros(cls, members: int, size: int, dtype: torch.dtype, device: torch.device) -> "Stack":
        return cls(*(torch.zeros(members, size, dtype=dtype, device=device) for _ in range(4)))


class ArrayState:
    """All that training changes in K members; `load` and `store` move one member from and to a `TrainingState`."""

    def __init__(self, members: Sequence[TrainingState], device: torch.device) -> None:
        first, count = members[0], len(members)
        height, width = first.data.image_size
        self.layers = layers_of(first.model, height, width)
        dtype = first.master
        self.parameters = Stack.zeros(count, parameters_per_member(self.layers), dtype, device)
        self.steps = Stack.zeros(count, len(self.layers), dtype, device)
        self.running_mean = [torch.zeros(count, layer.columns, dtype=dtype, device=device) for layer in self.layers]
        self.running_var = [torch.ones_like(mean) for mean in self.running_mean]
        self.updates = torch.zeros(count, dtype=torch.float64, device=device)  # optimizer steps taken
        self.loss_sum = torch.zeros(count, dtype=torch.float64, device=device)
        self.clamped = torch.zeros(count, dtype=torch.int64, device=device)
        self.loss_scale = torch.ones(count, dtype=torch.float32, device=device)
        self.scale_growth = torch.zeros(count, dtype=torch.int32, device=device)
        self.weights = views(self.parameters.value, self.layers)
        self.weight_grads = views(self.parameters.grad, self.layers)
        self._qmin, self._qmax = torch.zeros_like(self.steps.value), torch.ones_like(self.steps.value)
        self.step_grad_scale = torch.zeros_like(self.steps.value)
        self._is_quantized = torch.zeros_like(self.steps.value, dtype=torch.bool)
        for index, member in enumerate(members):
            self.load(index, member)

    def step_sizes(self, layer: int) -> StepSizes:
        tensors = (self.steps.value, self._qmin, self._qmax, self._is_quantized)
        return StepSizes(*(tensor[:, layer, None, None] for tensor in tensors))

    @torch.no_grad()
    def load(self, index: int, member: TrainingState) -> None:
        for (parameter, layer), slots in self._slots(index, member.model):
            is_matrix = parameter.ndim == 4
            found = [parameter, *_optimizer_state(member, parameter)]
            for slot, tensor in zip(slots, found, strict=True):
                slot.copy_(layer.to_matrix(tensor) if is_matrix else _pad_to(tensor, slot))
        for number, layer in enumerate(self.layers):
            self._load_layer(index, number, layer, member)
        self.updates[index] = _updates(member)
        self.loss_sum[index], self.clamped[index] = member.loss_sum, member.clamped
        scaler = member.scaler.state_dict()
        if scaler:
            self.loss_scale[index], self.scale_growth[index] = scaler["scale"], scaler["_growth_tracker"]

    def _load_layer(self, index: int, number: int, layer: Layer, member: TrainingState) -> None:
        norm = cast("nn.BatchNorm2d", member.model.get_submodule(layer.norm))
        for stacked, own in zip(self._statistics(index, number, layer), _statistics(norm), strict=True):
            stacked.copy_(own)
        lsq = _quantizer(member.model, layer)
        self.steps.value[index, number] = 1.0
        if lsq is not None:
            tensors = (self.steps.value, self.steps.moment, self.steps.square)
            for tensor, found in zip(tensors, (lsq.step_size, *_optimizer_state(member, lsq.step_size)), strict=True):
                tensor[index, number] = found
            self._qmin[index, number], self._qmax[index, number] = lsq.qmin, lsq.qmax
            self.step_grad_scale[index, number] = lsq.grad_scale
            self._is_quantized[index, number] = True

    @torch.no_grad()
    def store(self, index: int, member: TrainingState, batches: int) -> None:
        """Moves one member's tensors to `member`, after `batches` of training; its progress and best weights stay."""
        updates = int(self.updates[index].item())
        for (parameter, layer), (value, moment, square) in self._slots(index, member.model):
            tensors = [
                layer.to_weight(t) if parameter.ndim == 4 else t[: parameter.numel()] for t in (value, moment, square)
            ]
            parameter.copy_(tensors[0])
            _set_optimizer_state(member, parameter, tensors[1], tensors[2], updates)
        for number, layer in enumerate(self.layers):
            self._store_layer(index, number, layer, member, updates, batches)
        member.loss_sum.copy_(self.loss_sum[index])
        member.clamped.copy_(self.clamped[index])
        if member.scaler.is_enabled():
            scale = {"scale": self.loss_scale[index].item(), "_growth_tracker": int(self.scale_growth[index].item())}
            member.scaler.load_state_dict(member.scaler.state_dict() | scale)

    def _store_layer(
        self, index: int, number: int, layer: Layer, member: TrainingState, updates: int, batches: int
    ) -> None:
        norm = cast("nn.BatchNorm2d", member.model.get_submodule(layer.norm))
        for stacked, own in zip(self._statistics(index, number, layer), _statistics(norm), strict=True):
            own.copy_(stacked)
        cast("Tensor", norm.num_batches_tracked).fill_(batches)
        lsq = _quantizer(member.model, layer)
        if lsq is not None:
            value, moment, square = (
                tensor[index, number] for tensor in (self.steps.value, self.steps.moment, self.steps.square)
            )
            lsq.step_size.copy_(value)
            _set_optimizer_state(member, lsq.step_size, moment, square, updates)

    def _statistics(self, index: int, number: int, layer: Layer) -> tuple[Tensor, Tensor]:
        mean, var = self.running_mean[number][index], self.running_var[number][index]
        return mean[: layer.out_channels], var[: layer.out_channels]

    def _slots(
        self, index: int, model: nn.Module
    ) -> Iterator[tuple[tuple[nn.Parameter, Layer], tuple[Tensor, Tensor, Tensor]]]:
        """Each parameter of `model`, with where its value and its two moments are."""
        stack = self.parameters
        by_tensor = [views(tensor, self.layers) for tensor in (stack.value, stack.moment, stack.square)]
        for number, layer in enumerate(self.layers):
            for name, parameter in _parameters(model, layer):
                value, moment, square = (getattr(tensors[number], name)[index] for tensors in by_tensor)
                yield (parameter, layer), (value, moment, square)


def _parameters(model: nn.Module, layer: Layer) -> Iterator[tuple[str, nn.Parameter]]:
    """Of one layer, with their names in `Parameters`."""
    conv, norm = model.get_submodule(layer.conv), model.get_submodule(layer.norm)
    weight = conv.parametrizations.weight.original if parametrize.is_parametrized(conv) else conv.weight  # type: ignore[union-attr]
    yield from zip(Parameters.__dataclass_fields__, (weight, conv.bias, norm.weight, norm.bias), strict=True)


def _quantizer(model: nn.Module, layer: Layer) -> LSQ | None:
    conv = model.get_submodule(layer.conv)
    return conv.parametrizations.weight[0] if parametrize.is_parametrized(conv) else None  # type: ignore[union-attr, index, return-value]


def _statistics(norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    return cast("Tensor", norm.running_mean), cast("Tensor", norm.running_var)


def _pad_to(vector: Tensor, slot: Tensor) -> Tensor:
    return nn.functional.pad(vector, (0, len(slot) - len(vector)))


def _optimizer_state(member: TrainingState, parameter: nn.Parameter) -> tuple[Tensor, Tensor]:
    """Both moments; zero where there is none, or none yet."""
    state, optimizer = member.optimizer.state.get(parameter, {}), member.run.optimizer
    found = [state.get(names.get(optimizer)) for names in (_MOMENT, _SQUARE)]
    moment, square = (torch.zeros_like(parameter) if tensor is None else tensor for tensor in found)
    return moment, square


def _set_optimizer_state(
    member: TrainingState, parameter: nn.Parameter, moment: Tensor, square: Tensor, updates: int
) -> None:
    if not updates:
        return
    run, state = member.run, member.optimizer.state[parameter]
    if run.momentum or run.optimizer == "adam":
        state[_MOMENT[run.optimizer]] = moment.to("cpu", copy=True)
    if run.optimizer in _SQUARE:
        state[_SQUARE[run.optimizer]] = square.to("cpu", copy=True)
        state["step"] = torch.tensor(float(updates))


def _updates(member: TrainingState) -> float:
    """Optimizer steps taken; SGD does not count them, and needs none."""
    states = list(member.optimizer.state.values())
    return float(states[0].get("step", 1)) if states else 0.0
