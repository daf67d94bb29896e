"""Further forward passes of one step, which see what the first one saw."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from sweep.quantizers.noise import Noise
from sweep.quantizers.placement import layer_weights
from sweep.training.updates.perturbation import quantizer_and_weight


class Repeated:
    """Lets `model` repeat a forward pass with the same noise of its quantizers.

    Noise differs between steps, as with other rules; within a step it is one draw, so that passes differ by eps alone.
    """

    def __init__(self, model: nn.Module) -> None:
        self._noises = [module for module in model.modules() if isinstance(module, Noise)]
        self._batch_norms = [module for module in model.modules() if isinstance(module, _NormBase)]
        self._calls: list[Tensor] = []

    def first(self) -> None:
        """Notes the noise before the pass that is to be repeated."""
        self._calls = [noise.calls.clone() for noise in self._noises]

    @contextmanager
    def again(self, moves_statistics: bool) -> Iterator[None]:
        """Prepares a pass like the first; with `moves_statistics` it moves the running statistics of BN again."""
        for noise, calls in zip(self._noises, self._calls, strict=True):
            noise.calls.copy_(calls)
        self._track(moves_statistics)
        yield
        self._track(True)

    def _track(self, moves_statistics: bool) -> None:
        for batch_norm in self._batch_norms:
            batch_norm.track_running_stats = moves_statistics


class Bypass:
    """Lets layers have their weights as if these had no quantizers."""

    def __init__(self, model: nn.Module) -> None:
        self._is_on = False
        for layer, name, _ in layer_weights(model):
            quantizer, _ = quantizer_and_weight(layer, name)
            if quantizer is not None:
                quantizer.register_forward_hook(self._instead)

    def _instead(self, quantizer: nn.Module, args: tuple[Tensor], quantized: Tensor) -> Tensor:
        return args[0] if self._is_on else quantized

    @contextmanager
    def applied(self) -> Iterator[None]:
        self._is_on = True
        yield
        self._is_on = False
