"""The array engine on kernels of its own: the same numbers as `network` and `update`, with fewer passes over them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sweep.config.run import RunConfig
from sweep.training.array.kernels.batch_norm import finish_gradients, finish_statistics
from sweep.training.array.kernels.convolution import convolution
from sweep.training.array.kernels.input_gradient import input_gradient
from sweep.training.array.kernels.load import MULTIPLIER, OFFSET
from sweep.training.array.kernels.output_gradient import output_gradient
from sweep.training.array.kernels.shape import Shape
from sweep.training.array.kernels.tensors import Products, Running, Source
from sweep.training.array.kernels.update import blocks_of, sum_step_gradients, update_layer
from sweep.training.array.kernels.weight_gradient import weight_gradient
from sweep.training.array.layout import views
from sweep.training.array.network import BN_MOMENTUM, ArrayNetwork
from sweep.training.array.operations import BN_EPS, Quantized, cross_entropy
from sweep.training.array.state import ArrayState, Stack
from sweep.training.array.update import Optimizer, bias_corrections


class _Taped(NamedTuple):
    """What the backward pass of a layer needs."""

    source: Source  # z of the layer before, or the columns of the images
    z: Tensor
    norm: Tensor


class FusedNetwork(ArrayNetwork):
    """An `ArrayNetwork` that leaves as gradients those of the quantized weights, for `FusedOptimizer`.

    LSQ's backward pass is part of the update. Raises ValueError for fp64.
    """

    def __init__(self, state: ArrayState, precision: str, classes: int, compiled: bool) -> None:
        if precision == "fp64":
            raise ValueError("precision is fp64, which the triton kernels do not compute in; allowed with them: "
                             "fp32, tf32, bf16, fp16")  # fmt: skip
        super().__init__(state, precision, classes, compiled)
        self._shapes = [Shape.of(layer) for layer in state.layers]
        self._precision = "tf32" if precision == "tf32" else "ieee"

    def forward_backward(self, images: Tensor, labels: Tensor, member_row: Tensor) -> Tensor:
        count, quantized = images.shape[1], self._quantize()
        tape = self._fused_forward(images, member_row, quantized)
        losses, grad_logits = cross_entropy(self._logits(self._output(tape[-1]), count), labels[member_row])
        grad_logits *= (self._state.loss_scale / count).to(self._master)[:, None, None]
        self._fused_backward(self._spread(grad_logits), tape, quantized, count)
        return losses.mean(1)

    def _fused_forward(self, images: Tensor, member_row: Tensor, quantized: Sequence[Quantized]) -> list[_Taped]:
        state, tape = self._state, list[_Taped]()
        rests = self._rests_after(quantized)
        source = Source(self._first_columns(images, quantized[0].rest, member_row), None)
        for number, products in enumerate(self._products(images.shape[1])):
            convolved = convolution(source, quantized[number].operand, products)
            running = Running(state.running_mean[number], state.running_var[number])
            norm = finish_statistics(convolved, state.weights[number], running, rests[number], BN_EPS, BN_MOMENTUM)
            tape.append(_Taped(source, convolved.z, norm))
            source = Source(convolved.z, norm)
        return tape

    def _products(self, images: int) -> list[Products]:
        return [Products(shape, images, self._precision) for shape in self._shapes]

    def _output(self, last: _Taped) -> Tensor:
        """The last layer's activations (K, N, C)."""
        multiplier, offset = last.norm[:, MULTIPLIER.value, None], last.norm[:, OFFSET.value, None]
        return (last.z * multiplier + offset).relu().to(self._dtype)

    def _fused_backward(self, grad: Tensor, tape: list[_Taped], quantized: Sequence[Quantized], count: int) -> None:
        state, products = self._state, self._products(count)
        below = output_gradient(grad, tape[-1].z, tape[-1].norm)
        for number in reversed(range(len(tape))):
            (source, z, norm), grads = tape[number], state.weight_grads[number]
            gradient = finish_gradients(below, z, norm, grads)
            weight_gradient(source, gradient, quantized[number].rest, grads.weight, products[number])
            if source.norm is not None:
                below = input_gradient(gradient, quantized[number], source, products[number])


class FusedOptimizer(Optimizer):
    """An `Optimizer` for the gradients that `FusedNetwork` leaves."""

    def __init__(self, state: ArrayState, runs: Sequence[RunConfig], compiled: bool) -> None:
        super().__init__(state, runs, compiled)
        by_tensor = [views(tensor, state.layers) for tensor in state.parameters]
        self._tensors = [Stack(*(each.weight for each in of_layer)) for of_layer in zip(*by_tensor, strict=True)]
        blocks = max(blocks_of(layer) for layer in state.layers)
        self._step_grads = state.steps.value.new_zeros(*state.steps.value.shape, blocks)

    def _update_parameters(self, unscale: Tensor, applies: Tensor | None) -> None:
        """And leaves the gradients of the step sizes, from the weights and step sizes before this step."""
        state, table = self._state, self._table(unscale, applies)
        for number, (tensors, layer) in enumerate(zip(self._tensors, state.layers, strict=True)):
            update_layer(tensors, layer, state.step_sizes(number), table, self._step_grads[:, number])
        sum_step_gradients(self._step_grads, state.step_grad_scale, state.steps.grad)

    def _table(self, unscale: Tensor, applies: Tensor | None) -> Tensor:
        """What `update_layer` needs to know of each member."""
        rules = self.rules
        lr, correction = bias_corrections(rules, self._state.updates[:, None])
        applies = torch.ones_like(rules.is_adam) if applies is None else applies
        columns = (
            lr, rules.weight_decay, unscale, rules.momentum, rules.is_adam, rules.is_rmsprop, rules.square_decay,
            rules.square_weight, correction, applies,
        )  # fmt: skip
        return torch.cat([column.to(lr.dtype) for column in columns], 1)

    def _finite(self) -> Tensor:
        """Without the step sizes' gradients, which are not there yet: sums of the products of these with codes."""
        return self._state.parameters.grad.isfinite().all(1)[:, None]
