"""The forward and backward pass of a NiN array, written out: no autograd, nothing kept that is not needed."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.training.array import operations
from sweep.training.array.operations import Norm, Quantized, cross_entropy, normalization, product
from sweep.training.array.state import ArrayState
from sweep.training.evaluate import among_first
from sweep.training.graph import compile_shapes
from sweep.training.precision import OPERANDS

BN_MOMENTUM = 0.1  # PyTorch's default, which the plain engine's NiN has
_ELEMENTWISE = (
    operations.quantize,
    operations.quantize_backward,
    operations.to_columns,
    operations.scaled_rows,
    operations.from_columns,
    operations.batch_statistics,
    operations.activate,
    operations.activation_backward,
)


class _Taped(NamedTuple):
    """What the backward pass of a layer needs."""

    columns: Tensor
    z: Tensor
    norm: Norm
    output: Tensor


class ArrayNetwork:
    """Trains and evaluates the members of `state` on batches that a seed's members share."""

    def __init__(self, state: ArrayState, precision: str, classes: int, compiled: bool) -> None:
        self._state, self._classes = state, classes
        self._master = state.parameters.value.dtype
        self._dtype = OPERANDS[precision]
        self._emulates_tf32 = precision == "tf32" and state.parameters.value.device.type == "cpu"
        functions = {f.__name__: compile_shapes(f) if compiled else f for f in _ELEMENTWISE}
        self._ops = SimpleNamespace(**functions)

    def forward_backward(self, images: Tensor, labels: Tensor, member_row: Tensor) -> Tensor:
        """Leaves the gradients of the scaled mean loss in `state`; returns the mean loss of each member (K,).

        Args: `images` (rows, B, H, W, C) standardized, `labels` (rows, B), `member_row` (K,): which row is whose.
        """
        count = images.shape[1]
        quantized = self._quantize()
        tape = self._forward(images, member_row, quantized)
        losses, grad_logits = cross_entropy(self._logits(tape[-1].output, count), labels[member_row])
        grad_logits *= (self._state.loss_scale / count).to(self._master)[:, None, None]
        self._backward(self._spread(grad_logits), tape, quantized, count)
        return losses.mean(1)

    def evaluate(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Summed loss (float64), number of right answers, and of labels among the first 5, of each member (K,).

        BN in evaluation mode.

        Args: `images` (B, H, W, C) standardized and `labels` (B,), the same for all members.
        """
        count, state, quantized = len(images), self._state, self._quantize()
        rests = self._rests_after(quantized)
        x = self._first_columns(images[None], quantized[0].rest, torch.zeros_like(state.clamped))
        for number in range(len(state.layers)):
            x = self._evaluate_layer(number, x, quantized[number], rests[number], count)
        logits = self._logits(x, count)
        losses, _ = cross_entropy(logits, labels.expand(len(logits), -1))
        return losses.double().sum(1), (logits.argmax(2) == labels).sum(1), among_first(logits, labels)

    def _evaluate_layer(self, number: int, x: Tensor, quantized: Quantized, rest: Tensor, count: int) -> Tensor:
        state, layer, weights = self._state, self._state.layers[number], self._state.weights[number]
        columns = x if layer.is_first else self._ops.to_columns(x, layer, count)
        z = product(columns, quantized.operand, self._emulates_tf32)
        mean = (state.running_mean[number] - weights.bias)[:, None]  # z is without the bias
        norm = normalization(mean, state.running_var[number][:, None], weights.gamma, weights.beta)
        output: Tensor = self._ops.activate(z, norm, rest, self._dtype)
        return output

    def _quantize(self) -> list[Quantized]:
        state = self._state
        return [
            self._ops.quantize(parameters.weight, state.step_sizes(number), self._dtype)
            for number, parameters in enumerate(state.weights)
        ]

    def _rests_after(self, quantized: Sequence[Quantized]) -> list[Tensor]:
        """What the outputs of each layer are multiplied with for the next one."""
        rests = [layer.rest for layer in quantized]
        return [*rests[1:], torch.ones_like(rests[0])]

    def _first_columns(self, images: Tensor, rest: Tensor, member_row: Tensor) -> Tensor:
        columns = self._ops.to_columns(images.to(self._master).flatten(1, 3), self._state.layers[0], images.shape[1])
        own: Tensor = self._ops.scaled_rows(columns, member_row, rest, self._dtype)
        return own

    def _forward(self, images: Tensor, member_row: Tensor, quantized: Sequence[Quantized]) -> list[_Taped]:
        tape: list[_Taped] = []
        rests = self._rests_after(quantized)
        x = self._first_columns(images, quantized[0].rest, member_row)
        for number, layer in enumerate(self._state.layers):
            columns = x if layer.is_first else self._ops.to_columns(x, layer, images.shape[1])
            z = product(columns, quantized[number].operand, self._emulates_tf32)
            mean, variance = self._ops.batch_statistics(z, self._master)
            self._track(number, mean[:, 0], variance[:, 0], z.shape[1])
            norm = normalization(mean, variance, self._state.weights[number].gamma, self._state.weights[number].beta)
            x = self._ops.activate(z, norm, rests[number], self._dtype)
            tape.append(_Taped(columns, z, norm, x))
        return tape

    def _track(self, number: int, mean: Tensor, variance: Tensor, count: int) -> None:
        """Running statistics, of the convolution with its bias; the variance unbiased."""
        state = self._state
        state.running_mean[number].lerp_(mean + state.weights[number].bias, BN_MOMENTUM)
        state.running_var[number].lerp_(variance * (count / (count - 1)), BN_MOMENTUM)

    def _logits(self, x: Tensor, count: int) -> Tensor:
        """The average over the positions, (K, B, classes)."""
        per_image: Tensor = x.to(self._master).unflatten(1, (count, -1))
        return per_image.mean(2)[..., : self._classes]

    def _spread(self, grad_logits: Tensor) -> Tensor:
        """The adjoint of `_logits`, (K, N, C)."""
        layer = self._state.layers[-1]
        full: Tensor = torch.nn.functional.pad(grad_logits / layer.positions, (0, layer.columns - self._classes))
        return full[:, :, None].expand(-1, -1, layer.positions, -1).flatten(1, 2).to(self._dtype)

    def _backward(self, grad: Tensor, tape: list[_Taped], quantized: Sequence[Quantized], count: int) -> None:
        """Empties `tape`."""
        state, rests = self._state, self._rests_after(quantized)
        for number in reversed(range(len(tape))):
            taped, layer, grads = tape.pop(), state.layers[number], state.weight_grads[number]
            grad_z, grad_gamma, grad_beta = self._ops.activation_backward(
                grad, taped.output, taped.z, taped.norm, rests[number]
            )
            grads.gamma.copy_(grad_gamma)
            grads.beta.copy_(grad_beta)
            self._weight_backward(number, taped.columns, grad_z, quantized[number].rest)
            if number:
                grad = product(grad_z, quantized[number].operand.mT, self._emulates_tf32)
                grad = self._ops.from_columns(grad, layer, count)

    def _weight_backward(self, number: int, columns: Tensor, grad_z: Tensor, rest: Tensor) -> None:
        """The bias in front of BN changes nothing in training: its gradient, 0, is what `state` holds from the start.

        The plain engine's is what rounding leaves of 0.
        """
        state = self._state
        grad = product(columns.mT, grad_z, self._emulates_tf32).to(self._master) / rest[:, None, None]
        grad, grad_step = self._ops.quantize_backward(grad, state.weights[number].weight, state.step_sizes(number))
        state.weight_grads[number].weight.copy_(grad)
        state.steps.grad[:, number] = grad_step * state.step_grad_scale[:, number]
